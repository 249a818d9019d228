import type { IncomingMessage } from 'node:http';
import { gatewayError } from './error-codes.ts';

/** Bodies up to that size can be sent to another node when the first one has not taken the request. */
const replayableBytes = 262_144;

/**
 * The body of a request, read only as fast as it is sent on. Its beginning is kept, so that it can be sent once more.
 * @internal
 */
export class ReplayableBody {
  readonly #source: AsyncIterator<Buffer>;
  readonly #limitBytes: number;
  #kept: Buffer[] | null = [];
  #pulling: Promise<Buffer | null> | undefined;
  #readBytes = 0;
  #hasEnded = false;

  constructor(request: IncomingMessage, limitBytes: number) {
    this.#source = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
    this.#limitBytes = limitBytes;
  }

  /** Whether {@link read} can begin anew. */
  get canReplay(): boolean {
    return this.#kept !== null;
  }

  /** The whole body, from its beginning. @throws HS_ROUTE_BODY_TOO_LARGE */
  async *read(): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; ; at++) {
      const kept = this.#kept?.[at];
      const chunk = kept ?? (await this.#next());
      if (chunk === null) return;
      yield chunk;
    }
  }

  /** All of it, once it has been read to its end and was small enough to keep. */
  get whole(): Buffer | undefined {
    return this.#hasEnded && this.#kept !== null ? Buffer.concat(this.#kept) : undefined;
  }

  /** Reads what is left and throws it away, so that the connection can take another request. */
  async discard(): Promise<void> {
    this.#kept = null;
    while ((await this.#next()) !== null);
  }

  /** Attempts that were given up leave a reading behind, whose chunk is the next one's. */
  #next(): Promise<Buffer | null> {
    return (this.#pulling ??= this.#pull().finally(() => (this.#pulling = undefined)));
  }

  async #pull(): Promise<Buffer | null> {
    if (this.#hasEnded) return null;
    const read: IteratorResult<Buffer, unknown> = await this.#source.next();
    if (read.done === true) {
      this.#hasEnded = true;
      return null;
    }
    const chunk = read.value;
    this.#readBytes += chunk.byteLength;
    if (this.#readBytes > this.#limitBytes)
      throw gatewayError('HS_ROUTE_BODY_TOO_LARGE', { limitBytes: this.#limitBytes });
    if (this.#readBytes > replayableBytes) this.#kept = null;
    else this.#kept?.push(chunk);
    return chunk;
  }
}

/** Whether a request announces a body. @internal */
export function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
