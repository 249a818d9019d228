import { isHotSwapError, type EventSink, type Json } from '@hotswap/core';
import type { Heartbeat, HeartbeatAnswer, NodeRegistration } from '@hotswap/protocol';
import { BackOff } from './back-off.ts';
import { agentError } from '../error-codes.ts';
import { HeartbeatSender } from './heartbeat-sender.ts';
import type { NodeIdentity, PublicJwk } from './node-identity.ts';
import type { NodeReconciler } from '../modules/reconcile-node.ts';
import type { ServerClient } from './server-client.ts';

/** The stream gets that long to bring a generation that a heartbeat's answer names. */
const lateStateMs = 2_000;
const lastReportMs = 1_000;

/** @internal */
export interface ServerConnectionOptions {
  readonly nodeId: string;
  readonly bootId: string;
  readonly client: ServerClient;
  readonly identity: NodeIdentity;
  readonly reconciler: NodeReconciler;
  readonly events: EventSink;
  readonly registration: () => Promise<NodeRegistration>;
  /** `undefined` when there is none. Read when it is needed: it may be put there later. */
  readonly joinToken: () => Promise<string | undefined>;
  readonly report: () => Omit<Heartbeat, 'bootId' | 'sequence'>;
  /** The key that signs invoke tokens, at each start of a session. */
  readonly onServerKey: (key: PublicJwk) => void;
  readonly heartbeatIntervalMs: number;
}

/**
 * The agent's line to the server: joins once, opens a session, follows desired state, reports. The server may be away
 * for any time; nothing here ends what the node serves, but for another agent that took over.
 * @internal
 */
export class ServerConnection {
  readonly #options: ServerConnectionOptions;
  readonly #stopped = new AbortController();
  readonly #ended = Promise.withResolvers<Error>();
  readonly #sender: HeartbeatSender;
  /** Ends the stream that is open, so that a new one is made. */
  #stream = new AbortController();
  #mustAuthenticate = false;
  /** A token that was refused once is not shown again: servers take repeats for an attack. */
  #refusedToken: string | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ServerConnectionOptions) {
    this.#options = options;
    this.#sender = new HeartbeatSender({
      bootId: options.bootId,
      intervalMs: options.heartbeatIntervalMs,
      report: options.report,
      send: (heartbeat) => options.client.heartbeat(heartbeat),
      onAnswer: (answer) => this.#checkForLateState(answer),
      onUnanswered: (error) => this.#emit('agent.heartbeat-not-answered', { why: messageOf(error) }),
      onRefused: (error) => this.#emit('agent.heartbeat-refused', { why: messageOf(error) }),
      onRejected: (error) => this.#rejected(error),
    });
  }

  /** Resolves with the reason when the agent must not go on: HS_AGENT_SUPERSEDED or HS_AGENT_NOT_REGISTERED. */
  get ended(): Promise<Error> {
    return this.#ended.promise;
  }

  /** Connects and stays so, in the background. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Something worth reporting has changed. */
  nudge(): void {
    this.#sender.nudge();
  }

  /** Ends with a last report, if the server takes it. */
  async stop(): Promise<void> {
    await this.#sender.stop(lastReportMs);
    this.#stopped.abort();
    this.#stream.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const backOff = new BackOff({ firstMs: 200, maxMs: 5_000 });
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#authenticate();
        this.#sender.start();
        if (await this.#follow()) backOff.reset();
        // Also a server that opens sessions and refuses what comes next is not asked without end.
        await backOff.wait(this.#stopped.signal);
      } catch (error) {
        if (isHotSwapError(error, 'HS_AGENT_SUPERSEDED') || isHotSwapError(error, 'HS_AGENT_NOT_REGISTERED')) {
          this.#ended.resolve(error);
          return;
        }
        this.#emit('agent.server-lost', { why: messageOf(error) });
        await backOff.wait(this.#stopped.signal);
      }
    }
  }

  /** Opens a session with the stored credential; joins when there is none, or when it is not accepted any more. */
  async #authenticate(): Promise<void> {
    this.#mustAuthenticate = false;
    const { client, identity, registration } = this.#options;
    const stored = await identity.credential();
    if (stored === undefined) {
      await this.#join();
      return;
    }
    client.authenticate(stored.credential);
    try {
      const { serverPublicKey } = await client.openSession(await registration());
      await this.#keep({ credential: stored.credential, serverPublicKey });
      this.#options.onServerKey(serverPublicKey);
    } catch (error) {
      if (!isRejection(error)) throw error;
      // The node goes on serving with what it has; with a fresh token it comes back by itself.
      const token = await this.#options.joinToken();
      if (token === undefined || token === this.#refusedToken) throw error;
      await this.#join();
    }
  }

  async #join(): Promise<void> {
    const { client, identity } = this.#options;
    const token = await this.#options.joinToken();
    if (token === undefined) throw agentError('HS_AGENT_NOT_REGISTERED');
    const isNew = (await identity.credential()) === undefined;
    try {
      const { credential, serverPublicKey } = await client.register(await this.#options.registration(), token);
      await this.#keep({ credential, serverPublicKey });
      client.authenticate(credential);
      this.#options.onServerKey(serverPublicKey);
      this.#emit('agent.joined', {});
    } catch (error) {
      if (isHotSwapError(error, 'HS_AGENT_SERVER_REFUSED')) this.#refusedToken = token;
      // A refused first join cannot become right by itself; a refused second one may be an old token lying about.
      if (isNew && isHotSwapError(error, 'HS_AGENT_SERVER_REFUSED')) {
        this.#emit('agent.join-refused', { why: messageOf(error) });
        throw agentError('HS_AGENT_NOT_REGISTERED', {}, error);
      }
      throw error;
    }
  }

  /** A full disk must not keep the node from its server: only a restart would miss what could not be written. */
  async #keep(credential: Parameters<NodeIdentity['store']>[0]): Promise<void> {
    try {
      await this.#options.identity.store(credential);
    } catch (error) {
      this.#emit('agent.credential-not-stored', { why: (error as NodeJS.ErrnoException).code ?? 'unknown' });
    }
  }

  /**
   * Follows desired state over as many streams as it takes; returns when a new session is needed, and whether this one
   * brought anything.
   */
  async #follow(): Promise<boolean> {
    const { bootId, client, reconciler } = this.#options;
    let hasBrought = false;
    const backOff = new BackOff({ firstMs: 100, maxMs: 5_000 });
    while (!this.#stopped.signal.aborted && !this.#mustAuthenticate) {
      this.#stream = new AbortController();
      try {
        for await (const state of client.watch(bootId, reconciler.acceptedGeneration, this.#stream.signal)) {
          backOff.reset();
          hasBrought = true;
          reconciler.offer(state);
          this.#sender.follow(state.heartbeatIntervalMs);
          this.#sender.wake();
        }
      } catch (error) {
        if (isHotSwapError(error, 'HS_AGENT_SUPERSEDED')) throw error;
        if (isRejection(error)) return hasBrought;
        if (!this.#stream.signal.aborted) this.#emit('agent.stream-lost', { why: messageOf(error) });
      }
      await backOff.wait(this.#stopped.signal);
    }
    return hasBrought;
  }

  #rejected(error: unknown): void {
    if (isHotSwapError(error, 'HS_AGENT_SUPERSEDED')) {
      this.#stopped.abort();
      this.#ended.resolve(error);
    }
    this.#mustAuthenticate = true;
    this.#stream.abort();
  }

  /** A half-open stream looks alive: the answers to heartbeats tell that it is not. */
  #checkForLateState({ generation }: HeartbeatAnswer): void {
    const { reconciler } = this.#options;
    if (generation <= reconciler.acceptedGeneration) return;
    const stream = this.#stream;
    setTimeout(() => {
      if (generation > reconciler.acceptedGeneration) stream.abort();
    }, lateStateMs).unref();
  }

  #emit(topic: string, facts: Json): void {
    this.#options.events.emit({ topic, tenant: 'default', subject: this.#options.nodeId, facts });
  }
}

function isRejection(error: unknown): boolean {
  if (!isHotSwapError(error, 'HS_AGENT_SERVER_REFUSED')) return false;
  const { status } = error.details;
  return status === 401 || status === 403 || status === 404;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
