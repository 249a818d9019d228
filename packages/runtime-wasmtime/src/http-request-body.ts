import { runtimeError } from './error-codes.ts';

/** Taken bytes are acknowledged in steps of this size, so that small pieces do not each cost a call into the addon. */
const acknowledgeBytes = 65_536;

interface Asked {
  resolve(result: IteratorResult<Uint8Array, undefined>): void;
  reject(reason: unknown): void;
}

/**
 * The body of a request that JavaScript answers. Pieces that nobody has taken stop the client: the addon sends a bounded
 * number of bytes ahead of what `onTaken` acknowledges.
 * @internal
 */
export class HttpRequestBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  readonly #onTaken: (sizeBytes: number) => void;
  readonly #onDiscard: () => void;
  readonly #chunks: Uint8Array[] = [];
  #asked: Asked | undefined;
  #unacknowledgedBytes = 0;
  #isEnded: boolean;
  #failure: Error | undefined;

  constructor(hasBody: boolean, onTaken: (sizeBytes: number) => void, onDiscard: () => void) {
    this.#isEnded = !hasBody;
    this.#onTaken = onTaken;
    this.#onDiscard = onDiscard;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#taken(chunk.byteLength);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#isEnded) this.#onDiscard();
    this.#isEnded = true;
    this.#chunks.length = 0;
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The next piece has arrived. */
  add(chunk: Uint8Array): void {
    if (this.#isEnded) return;
    const asked = this.#asked;
    if (asked === undefined) {
      this.#chunks.push(chunk);
      return;
    }
    this.#asked = undefined;
    this.#taken(chunk.byteLength);
    asked.resolve({ done: false, value: chunk });
  }

  /** Nothing follows. @param reason why the body is not whole */
  end(reason?: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (reason !== undefined) this.#failure = runtimeError('HS_RUNTIME_HTTP_BODY_INCOMPLETE', { reason });
    const asked = this.#asked;
    this.#asked = undefined;
    if (this.#failure === undefined) asked?.resolve({ done: true, value: undefined });
    else asked?.reject(this.#failure);
  }

  #taken(sizeBytes: number): void {
    this.#unacknowledgedBytes += sizeBytes;
    if (this.#unacknowledgedBytes < acknowledgeBytes || this.#isEnded) return;
    this.#onTaken(this.#unacknowledgedBytes);
    this.#unacknowledgedBytes = 0;
  }
}
