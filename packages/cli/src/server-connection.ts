import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createHotSwapClient, type HotSwapClient } from '@hotswap/protocol';
import { cliError } from './error-codes.ts';
import { storedToken } from './stored-logins.ts';
import { trustingFetch } from './trusting-fetch.ts';

/** Global options that say which server a command talks to. @public */
export interface ConnectionOptions {
  readonly server?: string;
  readonly token?: string;
  readonly dataDir?: string;
  /** File with certificates of authorities that are trusted beside those that Node knows. */
  readonly caFile?: string;
}

/** Name of the file in which a development server leaves its address and its local administrator's credential. */
const localAdminFile = 'local-admin.json';

/**
 * Finds the server: flags before environment before the data directory of a local server. Without a token the session that
 * `hotswap login` left is used, and of a local server its own administrator's.
 * @param signal - Ends every request that is under way when it is aborted.
 * @throws HS_CONFIG_NO_SERVER when none of them names one; HS_CLI_INVALID_OPTION for a file of authorities that is none.
 * @public
 */
export async function connect(
  options: ConnectionOptions,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  fetchWith?: typeof fetch,
): Promise<HotSwapClient> {
  const server = options.server ?? env['HOTSWAP_SERVER'];
  const token =
    options.token ?? env['HOTSWAP_TOKEN'] ?? (server === undefined ? undefined : await storedToken(env, server));
  const caFile = options.caFile ?? env['HOTSWAP_CA_FILE'];
  const trusting = fetchWith ?? (caFile === undefined ? fetch : await trustingFetch(caFile));
  const custom = { fetch: abortable(trusting, signal) };
  if (server !== undefined)
    return createHotSwapClient({ baseUrl: server, ...(token === undefined ? {} : { token }), ...custom });
  const local = await readLocalAdmin(localFileOf(options, env));
  const known = token ?? (await storedToken(env, local.url)) ?? local.token;
  return createHotSwapClient({ baseUrl: local.url, token: known, ...custom });
}

/** A server that takes a request and does not answer holds nobody who has pressed Ctrl-C. */
function abortable(ask: typeof fetch, interrupt: AbortSignal): typeof fetch {
  return (input, init) => {
    const own = init?.signal;
    const signal = own === undefined || own === null ? interrupt : AbortSignal.any([own, interrupt]);
    return ask(input, { ...init, signal });
  };
}

/**
 * Address of the server that {@link connect} finds.
 * @throws HS_CONFIG_NO_SERVER
 * @internal
 */
export async function serverOf(options: ConnectionOptions, env: NodeJS.ProcessEnv): Promise<string> {
  return options.server ?? env['HOTSWAP_SERVER'] ?? (await readLocalAdmin(localFileOf(options, env))).url;
}

function localFileOf(options: ConnectionOptions, env: NodeJS.ProcessEnv): string {
  return join(resolve(options.dataDir ?? env['HOTSWAP_DATA_DIR'] ?? '.hotswap'), localAdminFile);
}

async function readLocalAdmin(file: string): Promise<{ readonly url: string; readonly token: string }> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { url: string; token: string };
  } catch (cause) {
    throw cliError('HS_CONFIG_NO_SERVER', { looked: file }, cause);
  }
}
