import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isIPv6 } from 'node:net';
import { isHotSwapError, type EventSink, type Json, type RuntimeHost } from '@hotswap/core';
import type { Heartbeat, NodeRegistration } from '@hotswap/protocol';
import type { CallMetrics } from './metrics/call-metrics.ts';
import type { AgentConfig } from './config/agent-config.ts';
import type { HttpPublisher } from './fronts/http-publisher.ts';
import type { InvokeTokens } from './fronts/invoke-token.ts';
import type { LoadTimes } from './modules/load-times.ts';
import type { NodeFront } from './fronts/node-front.ts';
import type { NodeIdentity, PublicJwk } from './server/node-identity.ts';
import type { NodeReconciler } from './modules/reconcile-node.ts';
import { ResourceUsage } from './metrics/resource-usage.ts';
import type { RunningAgent } from './running-agent.ts';
import type { ServerClient } from './server/server-client.ts';
import { ServerConnection } from './server/server-connection.ts';

/** Serving from disk may take that long before the node opens its port with what it has. */
const restoreTimeoutMs = 10_000;
/** Requests in work may take that long when the node stops. */
const closeDeadlineMs = 10_000;
/** Releases that failed in a way that may pass are tried again this often. */
const recoverIntervalMs = 30_000;

/** @internal */
export interface EdgeAgentParts {
  readonly config: AgentConfig;
  readonly preferredPort: number;
  readonly runtime: RuntimeHost;
  readonly reconciler: NodeReconciler;
  readonly metrics: CallMetrics;
  readonly tokens: InvokeTokens;
  readonly front: NodeFront;
  readonly publisher: HttpPublisher;
  readonly client: ServerClient;
  readonly identity: NodeIdentity;
  readonly loads: LoadTimes;
  /** Absent: nothing is traced. */
  readonly tracing: AsyncDisposable | undefined;
  /** Made only where there is a port for it. */
  readonly openMetrics: () => Promise<AsyncDisposable> | undefined;
  readonly events: EventSink;
}

/** One node, of its parts. @internal */
export class EdgeAgent implements RunningAgent {
  readonly #parts: EdgeAgentParts;
  readonly #usage = new ResourceUsage();
  readonly #connection: ServerConnection;
  #dataPlaneUrl = '';
  #port = 0;
  #recovering: NodeJS.Timeout | undefined;
  #metricsPort: AsyncDisposable | undefined;
  #stopping: Promise<void> | undefined;

  /** @internal */
  constructor(parts: EdgeAgentParts) {
    this.#parts = parts;
    const { config, reconciler, client, identity, events } = parts;
    this.#connection = new ServerConnection({
      nodeId: config.nodeId,
      bootId: `${Date.now().toString().padStart(13, '0')}-${randomBytes(4).toString('hex')}`,
      client,
      identity,
      reconciler,
      events,
      registration: () => this.#registration(),
      joinToken: () => readJoinToken(config),
      report: () => this.#report(),
      onServerKey: (key) => this.#trust(key),
      heartbeatIntervalMs: config.heartbeatIntervalMs,
    });
  }

  /** Where the gateway reaches this node; empty before `start`. */
  get dataPlaneUrl(): string {
    return this.#dataPlaneUrl;
  }

  /** Port of the data plane; 0 before `start`. */
  get port(): number {
    return this.#port;
  }

  /** Resolves with the reason when the node must not go on: another agent took over, or it was never let in. */
  get ended(): Promise<Error> {
    return this.#connection.ended;
  }

  /** To be called when something worth reporting has changed. @internal */
  nudge(): void {
    this.#connection.nudge();
  }

  /**
   * Serves the last applied state from disk, opens the data plane, then turns to the server. Resolves when the data plane
   * answers; the server need not be there.
   */
  async start(): Promise<void> {
    const { config, reconciler, identity, tokens, client } = this.#parts;
    const stored = await identity.credential();
    if (stored !== undefined) {
      tokens.trust(stored.serverPublicKey);
      client.authenticate(stored.credential);
    }
    await atMost(reconciler.restore(), restoreTimeoutMs);
    this.#parts.publisher.flush();
    this.#metricsPort = await this.#parts.openMetrics();
    this.#port = await this.#listen();
    this.#dataPlaneUrl = config.dataPlaneUrl ?? `http://${reachableHost(config.dataPlaneHost)}:${this.#port}`;
    this.#emit('agent.serving', {
      dataPlaneUrl: this.#dataPlaneUrl,
      modules: reconciler.moduleCount,
      generation: reconciler.observe().generation,
    });
    this.#connection.start();
    this.#recovering = setInterval(() => reconciler.recover(), recoverIntervalMs).unref();
  }

  /** Says goodbye, lets requests end, lets go of everything. Idempotent. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #listen(): Promise<number> {
    const { config, preferredPort, front } = this.#parts;
    if (config.dataPlanePort === 0 && preferredPort > 0) {
      try {
        return await front.listen(config.dataPlaneHost, preferredPort);
      } catch (error) {
        // Someone else has it by now: any other will do, the session tells the server.
        if (!isTaken(error)) throw error;
      }
    }
    return front.listen(config.dataPlaneHost, config.dataPlanePort);
  }

  async #stop(): Promise<void> {
    const { front, reconciler, runtime, client } = this.#parts;
    clearInterval(this.#recovering);
    await front.close(closeDeadlineMs);
    await this.#metricsPort?.[Symbol.asyncDispose]();
    await this.#parts.tracing?.[Symbol.asyncDispose]();
    await this.#connection.stop();
    await reconciler.stop();
    await runtime[Symbol.asyncDispose]();
    await client.close();
    this.#emit('agent.stopped', {});
  }

  #trust(key: PublicJwk): void {
    this.#parts.tokens.trust(key);
  }

  #report(): Omit<Heartbeat, 'bootId' | 'sequence'> {
    const { reconciler, metrics, loads } = this.#parts;
    const loaded = loads.take();
    return {
      observed: reconciler.observe(),
      metrics: metrics.take(),
      resources: { ...this.#usage.read(), modulesLoaded: reconciler.moduleCount },
      ...(loaded === undefined ? {} : { loads: loaded }),
    };
  }

  async #registration(): Promise<NodeRegistration> {
    const { config, runtime, identity } = this.#parts;
    return {
      nodeId: config.nodeId,
      hostname: hostname(),
      region: config.region,
      ...(config.zone === undefined ? {} : { zone: config.zone }),
      labels: config.labels,
      runtime: config.runtime,
      runtimeVersion: runtime.version,
      capabilities: runtime.capabilities as unknown as Readonly<Record<string, Json>>,
      maxModules: config.maxModules,
      hardware: config.hardware,
      dataPlaneUrl: this.#dataPlaneUrl,
      ...publicUrlOf(config),
      publicKey: await identity.publicKey(),
    };
  }

  #emit(topic: string, facts: Json): void {
    this.#parts.events.emit({ topic, tenant: 'default', subject: this.#parts.config.nodeId, facts });
  }
}

/** Where proxies reach the public port; nothing without one. */
function publicUrlOf({ httpUrl, httpHost, httpPort, httpTls }: AgentConfig): { publicUrl?: string } {
  if (httpPort === 0) return {};
  const scheme = httpTls === undefined ? 'http' : 'https';
  return { publicUrl: httpUrl ?? `${scheme}://${reachableHost(httpHost)}:${httpPort}` };
}

function isTaken(error: unknown): boolean {
  return isHotSwapError(error, 'HS_RUNTIME_LISTEN_FAILED') || (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
}

/** The token itself, or the content of its file; `undefined` when there is neither. */
async function readJoinToken({ joinToken, joinTokenFile }: AgentConfig): Promise<string | undefined> {
  if (joinToken !== undefined || joinTokenFile === undefined) return joinToken;
  const content = await readFile(joinTokenFile, 'utf8').catch(() => '');
  return content.trim() === '' ? undefined : content.trim();
}

/** An address for "all interfaces" is none that anyone could call. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return hostname();
  return isIPv6(host) ? `[${host}]` : host;
}

async function atMost(work: Promise<void>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
