import { Pool } from 'undici';
import type { WholeAnswer } from './compare-answers.ts';

/** Few, and apart from those of live calls: copies must never wait in front of anybody. */
const connectionsPerNode = 8;
const connectTimeoutMs = 1_000;
const idleMs = 10_000;

/** A copied request. @internal */
export interface CopiedRequest {
  readonly path: string;
  readonly method: string;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly body: Buffer | string | null;
  readonly timeoutMs: number;
}

/** How sending a copy ended: `unsent` says nothing of the version, `lost` that it got the request and nothing came back. @internal */
export type CopyEnd = WholeAnswer | 'unsent' | 'lost' | 'large';

/** Connections to nodes for copies of requests alone. @internal */
export class MirrorConnections {
  readonly #pools = new Map<string, Pool>();
  readonly #maxAnswerBytes: number;
  readonly #stopping = new AbortController();

  constructor(maxAnswerBytes: number) {
    this.#maxAnswerBytes = maxAnswerBytes;
  }

  /** Sends a copy and reads its answer; never rejects. */
  async send(origin: string, request: CopiedRequest): Promise<CopyEnd> {
    const { path, method, headers, body, timeoutMs } = request;
    let isConnected = false;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(timeoutMs)]);
    try {
      const answer = await this.#pool(origin).request({ path, method: method, headers, body, signal });
      isConnected = true;
      const chunks: Buffer[] = [];
      let sizeBytes = 0;
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        sizeBytes += chunk.byteLength;
        if (sizeBytes > this.#maxAnswerBytes) {
          answer.body.destroy();
          return 'large';
        }
        chunks.push(chunk);
      }
      return { status: answer.statusCode, headers: single(answer.headers), body: Buffer.concat(chunks) };
    } catch (error) {
      if (this.#stopping.signal.aborted) return 'unsent';
      return !isConnected && neverSent.has(String((error as NodeJS.ErrnoException).code)) ? 'unsent' : 'lost';
    }
  }

  /** Closes connections to addresses that no mirror names any more. */
  keepOnly(origins: ReadonlySet<string>): void {
    for (const [origin, pool] of this.#pools) {
      if (origins.has(origin)) continue;
      this.#pools.delete(origin);
      pool.close().catch(() => undefined);
    }
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()));
    this.#pools.clear();
  }

  #pool(origin: string): Pool {
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      pool = new Pool(origin, {
        connections: connectionsPerNode,
        pipelining: 1,
        connect: { timeout: connectTimeoutMs },
        keepAliveTimeout: idleMs,
        keepAliveMaxTimeout: idleMs,
      });
      this.#pools.set(origin, pool);
    }
    return pool;
  }
}

const neverSent: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function single(headers: Readonly<Record<string, string | string[] | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
