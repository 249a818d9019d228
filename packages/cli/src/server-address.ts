import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { cliError } from './error-codes.ts';

/** Where a server is, who says so, and the credential that it left there. @internal */
export interface ServerAddress {
  /** Scheme, host and port. */
  readonly origin: string;
  /** The option, the variable or the file that names it. */
  readonly source: string;
  /** Of a local server's own administrator. */
  readonly token?: string;
}

/** What names a server on the command line. @internal */
export interface ServerOptions {
  readonly server?: string;
  readonly dataDir?: string;
}

/** Name of the file in which a development server leaves its address and its local administrator's credential. */
const localAdminFile = 'local-admin.json';

/**
 * Flags before environment before the data directory of a local server.
 * @throws HS_CONFIG_NO_SERVER when none of them names one; HS_CLI_INVALID_SERVER when it cannot be the address of one
 * @internal
 */
export async function serverAddress(options: ServerOptions, env: NodeJS.ProcessEnv): Promise<ServerAddress> {
  if (options.server !== undefined) return { origin: originOf(options.server, '--server'), source: '--server' };
  const named = env['HOTSWAP_SERVER'];
  if (named !== undefined && named !== '')
    return { origin: originOf(named, 'HOTSWAP_SERVER'), source: 'HOTSWAP_SERVER' };
  const source = join(resolve(options.dataDir ?? env['HOTSWAP_DATA_DIR'] ?? '.hotswap'), localAdminFile);
  const { url, token } = await readLocalAdmin(source);
  return { origin: originOf(String(url), source), source, token: String(token) };
}

async function readLocalAdmin(file: string): Promise<{ readonly url?: unknown; readonly token?: unknown }> {
  try {
    return Object(JSON.parse(await readFile(file, 'utf8'))) as object;
  } catch (cause) {
    throw cliError('HS_CONFIG_NO_SERVER', { looked: file }, cause);
  }
}

/** @throws HS_CLI_INVALID_SERVER */
function originOf(text: string, source: string): string {
  const url = URL.parse(text);
  const why = !/^\s*https?:\/\//i.test(text)
    ? 'it begins with neither http:// nor https://'
    : url === null
      ? 'it is no URL'
      : whyNoOrigin(url);
  if (url !== null && why === undefined) return url.origin;
  // What stands before an @ may be a password.
  const shown = text === '' ? 'nothing' : text.replace(/(\/\/)[^/]*@/, '$1...@');
  throw cliError('HS_CLI_INVALID_SERVER', { source, address: shown, why });
}

function whyNoOrigin({ username, password, pathname, search, hash }: URL): string | undefined {
  if (username !== '' || password !== '') return 'credentials do not belong into it: hotswap login, or HOTSWAP_TOKEN';
  const rest = `${pathname === '/' ? '' : pathname}${search}${hash}`;
  return rest === '' ? undefined : `it ends with its host and port, without ${rest}`;
}
