import { Pool, type Dispatcher } from 'undici';
import { gatewayError } from './error-codes.ts';
import type { ForwardReply } from './forward-reply.ts';

const connectTimeoutMs = 1_000;
/** Shorter than nodes keep idle connections, so that no call meets one that is being closed. */
const idleMs = 30_000;
const maxConnections = 128;
/** Requests that modules answer may stream for long and must not take the connections of calls away. */
const maxStreamConnections = 1_024;
const firstDownMs = 500;
const longestDownMs = 5_000;
const callerLeft = 'the caller left';

/** What came back from a node. @internal */
export interface NodeReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** How a call to a node went wrong. @internal */
export class NodeCallFailure {
  /** Whether the node may have seen the call. */
  readonly wasSent: boolean;
  readonly kind: 'connect' | 'lost' | 'timeout' | 'cancelled';
  readonly why: string;

  constructor(kind: NodeCallFailure['kind'], wasSent: boolean, why: string) {
    this.kind = kind;
    this.wasSent = wasSent;
    this.why = why;
  }
}

/** @internal */
export interface NodeCall {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer | string;
  readonly timeoutMs: number;
  /** Takes the function that gives the call up. */
  readonly onCancel?: ((cancel: () => void) => void) | undefined;
}

interface Down {
  readonly untilMs: number;
  readonly forMs: number;
}

/**
 * Kept-alive connections to nodes by their address, and which of them did not let themselves be reached lately.
 * @internal
 */
export class NodeConnections {
  readonly #pools = new Map<string, Pool>();
  readonly #streamPools = new Map<string, Pool>();
  readonly #down = new Map<string, Down>();

  /** `true` for a short while after a connection failed; it doubles each time up to five seconds. */
  isDown(origin: string): boolean {
    if (this.#down.size === 0) return false;
    return (this.#down.get(origin)?.untilMs ?? 0) > performance.now();
  }

  /** `false` from when a connection fails, or breaks, until the node answers again. */
  isReached(origin: string): boolean {
    return !this.#down.has(origin);
  }

  /** How many addresses are down now. */
  countDown(): number {
    return [...this.#down.keys()].filter((origin) => this.isDown(origin)).length;
  }

  /** Sends a call and reads its answer. Rejects with {@link NodeCallFailure}. */
  send(origin: string, call: NodeCall): Promise<NodeReply> {
    return new Promise<NodeReply>((resolve, reject) => {
      const handler = new ReplyReader(
        call,
        (reply) => {
          this.#down.delete(origin);
          resolve(reply);
        },
        (failure) => {
          if (failure.kind === 'connect' || failure.kind === 'lost') this.#markDown(origin);
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a failure is told apart by its kind and never leaves this package
          reject(failure);
        },
      );
      const { path, headers, body, timeoutMs } = call;
      this.#pool(this.#pools, origin).dispatch(
        { path, method: 'POST', headers, body, headersTimeout: timeoutMs, bodyTimeout: timeoutMs },
        handler,
      );
    });
  }

  /** Sends a request whose handler takes the answer as it comes. */
  forward(origin: string, request: Omit<Dispatcher.DispatchOptions, 'origin'>, handler: ForwardReply): void {
    handler.onUnreachable = () => this.#markDown(origin);
    handler.onReached = () => this.#down.delete(origin);
    this.#pool(this.#streamPools, origin).dispatch(request, handler);
  }

  /** Closes connections to addresses that no route names any more, once their calls have ended. */
  keepOnly(origins: ReadonlySet<string>): void {
    for (const pools of [this.#pools, this.#streamPools]) {
      for (const [origin, pool] of pools) {
        if (origins.has(origin)) continue;
        pools.delete(origin);
        this.#down.delete(origin);
        pool.close().catch(() => undefined);
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values(), ...this.#streamPools.values()].map((pool) => pool.close()));
    this.#pools.clear();
    this.#streamPools.clear();
  }

  #pool(pools: Map<string, Pool>, origin: string): Pool {
    const known = pools.get(origin);
    if (known) return known;
    const pool = new Pool(origin, {
      connections: pools === this.#pools ? maxConnections : maxStreamConnections,
      pipelining: 1,
      connect: { timeout: connectTimeoutMs },
      keepAliveTimeout: idleMs,
      keepAliveMaxTimeout: idleMs,
    });
    pools.set(origin, pool);
    return pool;
  }

  #markDown(origin: string): void {
    const forMs = Math.min((this.#down.get(origin)?.forMs ?? firstDownMs / 2) * 2, longestDownMs);
    this.#down.set(origin, { untilMs: performance.now() + forMs, forMs });
  }
}

class ReplyReader implements Dispatcher.DispatchHandler {
  readonly #call: NodeCall;
  readonly #resolve: (reply: NodeReply) => void;
  readonly #reject: (failure: NodeCallFailure) => void;
  #wasSent = false;
  #isCancelled = false;
  #status = 0;
  #contentType = 'application/json';
  #first: Buffer | undefined;
  #rest: Buffer[] | undefined;

  constructor(call: NodeCall, resolve: (reply: NodeReply) => void, reject: (failure: NodeCallFailure) => void) {
    this.#call = call;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#wasSent = true;
    this.#call.onCancel?.(() => {
      this.#isCancelled = true;
      controller.abort(gatewayError('HS_ROUTE_NODE_LOST', { nodeId: 'of the call', why: callerLeft }));
    });
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = status;
    const type = headers['content-type'];
    if (typeof type === 'string') this.#contentType = type;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#first === undefined) this.#first = chunk;
    else (this.#rest ??= [this.#first]).push(chunk);
  }

  onResponseEnd(): void {
    const body = this.#rest ? Buffer.concat(this.#rest) : (this.#first ?? Buffer.alloc(0));
    this.#resolve({ status: this.#status, contentType: this.#contentType, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const { code, name } = error as NodeJS.ErrnoException;
    const why = code ?? name;
    if (this.#isCancelled) this.#reject(new NodeCallFailure('cancelled', this.#wasSent, callerLeft));
    else if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
      this.#reject(new NodeCallFailure('timeout', true, why));
    else this.#reject(new NodeCallFailure(this.#wasSent ? 'lost' : 'connect', this.#wasSent, why));
  }
}
