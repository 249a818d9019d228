import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createHotSwapClient, type HotSwapClient } from '@hotswap/protocol';
import { cliError } from './error-codes.ts';
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
 * Finds the server: flags before environment before the data directory of a local server.
 * @throws HS_CONFIG_NO_SERVER when none of them names one; HS_CLI_INVALID_OPTION for a file of authorities that is none.
 * @public
 */
export async function connect(
  options: ConnectionOptions,
  env: NodeJS.ProcessEnv,
  fetchWith?: typeof fetch,
): Promise<HotSwapClient> {
  const server = options.server ?? env['HOTSWAP_SERVER'];
  const token = options.token ?? env['HOTSWAP_TOKEN'];
  const caFile = options.caFile ?? env['HOTSWAP_CA_FILE'];
  const trusting = fetchWith ?? (caFile === undefined ? undefined : await trustingFetch(caFile));
  const custom = trusting ? { fetch: trusting } : {};
  if (server !== undefined)
    return createHotSwapClient({ baseUrl: server, ...(token === undefined ? {} : { token }), ...custom });
  const file = join(resolve(options.dataDir ?? env['HOTSWAP_DATA_DIR'] ?? '.hotswap'), localAdminFile);
  const local = await readLocalAdmin(file);
  return createHotSwapClient({ baseUrl: local.url, token: token ?? local.token, ...custom });
}

async function readLocalAdmin(file: string): Promise<{ readonly url: string; readonly token: string }> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { url: string; token: string };
  } catch (cause) {
    throw cliError('HS_CONFIG_NO_SERVER', { looked: file }, cause);
  }
}
