import { createHotSwapClient, type HotSwapClient } from '@hotswap/protocol';
import { cliError } from './error-codes.ts';
import { serverAddress, type ServerAddress, type ServerOptions } from './server-address.ts';
import { storedToken } from './stored-logins.ts';
import { trustingFetch } from './trusting-fetch.ts';

/** Global options that say which server a command talks to. @public */
export interface ConnectionOptions extends ServerOptions {
  readonly token?: string;
  /** File with certificates of authorities that are trusted beside those that Node knows. */
  readonly caFile?: string;
}

/**
 * Connects to the server that is named. Without a token the session that `hotswap login` left is used, and of a local
 * server its own administrator's.
 * @param signal - Ends every request that is under way when it is aborted.
 * @throws as {@link serverAddress}; HS_CLI_INVALID_OPTION for a file of authorities that is none
 * @public
 */
export async function connect(
  options: ConnectionOptions,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  fetchWith?: typeof fetch,
): Promise<HotSwapClient> {
  const address = await serverAddress(options, env);
  const token =
    options.token ?? env['HOTSWAP_TOKEN'] ?? (await storedToken(env, address.origin)) ?? address.token ?? undefined;
  const caFile = options.caFile ?? env['HOTSWAP_CA_FILE'];
  const trusting = fetchWith ?? (caFile === undefined ? fetch : await trustingFetch(caFile));
  return createHotSwapClient({
    baseUrl: address.origin,
    ...(token === undefined ? {} : { token }),
    fetch: explained(abortable(trusting, signal), address),
  });
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
 * Says of an address where no HotSwap server answers what is there, and who has named it. The client makes that the cause
 * of its own error.
 */
function explained(ask: typeof fetch, { origin, source }: ServerAddress): typeof fetch {
  const wrong = (why: string, cause?: unknown): Error =>
    cliError('HS_CLI_WRONG_SERVER', { address: origin, source, why }, cause);
  return async (input, init) => {
    const response = await ask(input, { ...init, redirect: 'manual' }).catch((error: unknown) => {
      const why = whyNotTrusted(error);
      throw why === undefined ? error : wrong(why, error);
    });
    const { status } = response;
    const type = response.headers.get('content-type')?.split(';')[0] ?? 'nothing';
    const isOfApi = status < 300 ? type !== 'text/html' : status >= 400 && /^application\/(?:\w+\+)?json$/.test(type);
    if (isOfApi) return response;
    await response.body?.cancel();
    if (status < 400 && response.headers.has('location'))
      throw wrong(`sends everybody on to ${response.headers.get('location') ?? ''}`);
    if (status === 502 || status === 503 || status === 504)
      throw cliError('HS_CLI_SERVER_AWAY', { address: origin, source, status });
    throw wrong(`answers ${String(status)} with ${type}: a proxy or another program is there`);
  };
}

/** `undefined`: it is not about certificates. */
function whyNotTrusted(error: unknown): string | undefined {
  const code = String(((error as { cause?: unknown } | null)?.cause as { code?: unknown } | undefined)?.code);
  if (/^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_UNTRUSTED|INVALID_CA)/.test(code))
    return `shows a certificate of an authority that is not known here (${code}): name its file with --ca-file or HOTSWAP_CA_FILE`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `shows a certificate of other names (${code}): use one that stands in it`;
  if (code.startsWith('CERT_')) return `shows a certificate that does not hold now (${code})`;
  if (/^(?:ERR_SSL_(?:WRONG_VERSION|PACKET_LENGTH)|EPROTO)/.test(code))
    return `does not speak TLS (${code}): is it http:// in place of https://?`;
  return undefined;
}
