import type { AddressInfo } from 'node:net';
import type { AlertLoop } from './alerts/alert-loop.ts';
import type { NodeWatchLoop } from './alerts/node-watch-loop.ts';
import { ensureAdmin, writeLocalAdmin, type LocalAdmin } from './auth/local-admin.ts';
import { createApp } from './http/app.ts';
import type { App } from './http/app-type.ts';
import { closeWhenIdle } from './http/close-when-idle.ts';
import { listenHttps, urlOf, type HttpsListener } from './http/https-listener.ts';
import type { CatchUpLoop } from './loops/catch-up-loop.ts';
import type { HousekeepingLoop } from './loops/housekeeping-loop.ts';
import type { Credentials } from './ports/credentials.ts';
import type { ServerParts } from './server-parts.ts';

/** A server of which nothing runs yet, and how to give back what it holds. @internal */
export interface ComposedServer {
  readonly parts: ServerParts;
  readonly credentials: Credentials;
  readonly housekeeping: HousekeepingLoop;
  readonly catchUp: CatchUpLoop;
  readonly alerts: AlertLoop;
  readonly nodeWatch: NodeWatchLoop;
  /** Closes database, store and runtime. */
  readonly release: () => Promise<void>;
}

/** A server that takes requests. @public */
export interface RunningServer extends AsyncDisposable {
  /** E.g. `http://127.0.0.1:5000`; of HTTPS where nothing else is served. */
  readonly url: string;
  /** E.g. `https://127.0.0.1:5001`; `null` without a certificate. */
  readonly httpsUrl: string | null;
  /** Token of the administrator that this start made or found; `null` when administrators exist and it has none to hand. */
  readonly adminToken: string | null;
  /** File with address and token for the command line; only in Development. */
  readonly adminFile: string | null;
  /** To be shown to whoever started the server, once. */
  readonly announcement: string | null;
  /** Takes no more requests, ends streams, waits for what runs, closes everything. Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts everything in order and begins to listen. @internal */
export async function startServer(composed: ComposedServer): Promise<RunningServer> {
  const { parts, credentials, housekeeping } = composed;
  const { config } = parts;
  const requests: (() => Promise<unknown>)[] = [];
  try {
    const app = await createApp(parts);
    const endIdle = closeWhenIdle(app.server);
    requests.push(() => endIdle(() => app.close()));
    await Promise.all([parts.gateway, ...parts.proxies].map((router) => router.start()));
    await parts.liveEvents.feed.start();
    parts.liveEvents.writer.start();
    parts.hub.start();
    await parts.loop.start();
    parts.trainLoop.start();
    housekeeping.start();
    composed.catchUp.start();
    composed.alerts.start();
    composed.nodeWatch.start();
    const https = await listenHttps(app, parts);
    if (https) requests.push(() => https.close());
    if (config.plainHttp) await app.listen({ host: config.host, port: config.port });
    // Last: a token is shown once, and a start that failed after it was made would not have shown it.
    const admin = await ensureAdmin(config, credentials);
    parts.lifecycle.state = 'running';
    return await announced(composed, { app, https, admin, stop: () => stopAll(composed, requests) });
  } catch (error) {
    await stopAll(composed, requests);
    throw error;
  }
}

async function announced(
  composed: ComposedServer,
  started: {
    readonly app: App;
    readonly https: HttpsListener | null;
    readonly admin: LocalAdmin | null;
    readonly stop: () => Promise<void>;
  },
): Promise<RunningServer> {
  const { app, https, admin } = started;
  const { config, logger } = composed.parts;
  const httpsUrl = https?.url ?? null;
  // Without plain HTTP there is HTTPS: the configuration is held to that.
  const url = config.plainHttp ? urlOf('http', config.host, app.server.address() as AddressInfo) : (httpsUrl ?? '');
  const adminFile =
    config.environment === 'Development' && admin
      ? await writeLocalAdmin(config.dataDir, { url, token: admin.token })
      : null;
  if (config.s3Endpoint !== undefined)
    logger.warn('s3Endpoint (MinIO) is not used yet: module bytes are kept in the data directory');
  logger.info({ url, httpsUrl, environment: config.environment, instanceId: config.instanceId }, 'the server is ready');
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= started.stop());
  return {
    url,
    httpsUrl,
    adminToken: admin?.token ?? null,
    adminFile,
    announcement: admin?.announcement ?? null,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Below the ten seconds in which a stop has to be over. */
const httpDrainMs = 8_000;

/** In the order in which nothing is pulled from under anything else. */
async function stopAll(
  { parts, housekeeping, catchUp, alerts, nodeWatch, release }: ComposedServer,
  requests: readonly (() => Promise<unknown>)[],
): Promise<void> {
  const { lifecycle, streams, hub, loop, trainLoop, gateway, proxies, inquiry, callers, limits, liveEvents, logger } =
    parts;
  lifecycle.state = 'stopping';
  streams.closeAll();
  // Requests of modules may stream without end: the rest of the stop does not wait longer for them.
  const drained = gateway.drainHttp(httpDrainMs);
  const steps: Readonly<Record<string, () => Promise<unknown> | undefined>> = {
    requests: () => Promise.all(requests.map((close) => close())),
    housekeeping: () => housekeeping.stop(),
    catchUp: () => catchUp.stop(),
    nodeWatch: () => nodeWatch.stop(),
    alerts: () => alerts.stop(),
    callers: () => callers.stop(),
    agents: () => Promise.all([hub.stop(), inquiry.stop()]),
    trains: () => trainLoop.stop(),
    rollouts: () => loop.stop(),
    routers: async () => {
      await drained;
      await Promise.all([gateway, ...proxies].map((router) => router.stop()));
    },
    limits: () => limits.close(),
    events: () => Promise.all([liveEvents.writer.stop(), liveEvents.feed.stop()]),
    stores: release,
  };
  for (const [step, stop] of Object.entries(steps)) {
    const began = performance.now();
    await stop()?.catch((error: unknown) => logger.warn({ err: error, step }, 'a part did not stop in order'));
    logger.debug({ step, ms: Math.round(performance.now() - began) }, 'stopped');
  }
}
