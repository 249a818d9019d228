import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ServerConfig } from '../config/schema.ts';
import type { ServerParts } from '../server-parts.ts';
import type { App } from './app-type.ts';
import { closeWhenIdle } from './close-when-idle.ts';
import { answerMalformed, maxHeaderBytes } from './malformed-request.ts';
import { certificateLookMs, ServerCertificate } from './server-certificate.ts';

const handshakeTimeoutMs = 10_000;

/** Answers over HTTPS tell browsers to stay with it. @internal */
export function tellStrictTransport(app: App, { strictTransportSecurity }: ServerConfig): void {
  if (strictTransportSecurity === '') return;
  app.addHook('onRequest', (request, reply, done) => {
    const { encrypted } = request.raw.socket as Partial<TLSSocket>;
    if (encrypted === true) void reply.header('strict-transport-security', strictTransportSecurity);
    done();
  });
}

/** The port of HTTPS. @internal */
export interface HttpsListener {
  /** E.g. `https://127.0.0.1:5001`. */
  readonly url: string;
  /** Takes no more connections and waits for the answers under way. */
  close(): Promise<void>;
}

/**
 * Serves the application over HTTPS, beside its own port. A renewed certificate holds for the connections after it; those
 * that are open go on.
 * @returns `null` where no certificate is configured
 * @throws HS_CONFIG_INVALID
 * @internal
 */
export async function listenHttps(
  app: Pick<App, 'server' | 'routing'>,
  { config, logger }: Pick<ServerParts, 'config' | 'logger'>,
  lookEachMs: number = certificateLookMs,
): Promise<HttpsListener | null> {
  const { certificateFile } = config;
  if (certificateFile === undefined) return null;
  const certificate = new ServerCertificate({ ...config, certificateFile }, (error) =>
    logger.warn({ err: error }, 'the renewed certificate cannot be used, the one before it stays'),
  );
  const server = createServer({
    ...(await certificate.read()),
    handshakeTimeout: handshakeTimeoutMs,
    maxHeaderSize: maxHeaderBytes,
  });
  likePlainHttp(server, app);
  const endIdle = closeWhenIdle(server);
  const host = config.httpsHost ?? config.host;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen({ host, port: config.httpsPort }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  certificate.watch((options) => {
    server.setSecureContext(options);
    logger.info('the renewed certificate is in use');
  }, lookEachMs);
  return {
    url: urlOf('https', host, server.address() as AddressInfo),
    close: () => {
      certificate.unwatch();
      return endIdle(() => new Promise((resolve) => server.close(resolve)));
    },
  };
}

/** `https://127.0.0.1:5001`; a server that listens on every address is told by the one of this machine. @internal */
export function urlOf(scheme: 'http' | 'https', host: string, { port }: AddressInfo): string {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${name}:${port}`;
}

function likePlainHttp(server: Server, app: Pick<App, 'server' | 'routing'>): void {
  server.keepAliveTimeout = app.server.keepAliveTimeout;
  server.headersTimeout = app.server.headersTimeout;
  server.requestTimeout = app.server.requestTimeout;
  server.setTimeout(app.server.timeout);
  server.on('request', (request, response) => app.routing(request, response));
  server.on('clientError', answerMalformed);
}
