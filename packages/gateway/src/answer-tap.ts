import type { WholeAnswer } from './compare-answers.ts';

/**
 * Keeps a copy of an answer while it goes through to its caller, as long as it is small. What streams is not for
 * comparing: it is given up at once.
 * @internal
 */
export class AnswerTap {
  readonly #maxBytes: number;
  #head: Omit<WholeAnswer, 'body'> | undefined;
  #chunks: Buffer[] | undefined = [];
  #sizeBytes = 0;
  #hasEnded = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The whole answer; `undefined` when it was cut, too large, or a stream. */
  get answer(): WholeAnswer | undefined {
    const { status, headers } = this.#head ?? {};
    if (!this.#hasEnded || this.#chunks === undefined || status === undefined || headers === undefined)
      return undefined;
    return { status, headers, body: Buffer.concat(this.#chunks) };
  }

  begin(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    const known = Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value] as const],
    );
    this.#head = { status, headers: Object.fromEntries(known) };
    const type = this.#head.headers['content-type'] ?? '';
    if (type.startsWith('text/event-stream') || Number(this.#head.headers['content-length'] ?? 0) > this.#maxBytes)
      this.#chunks = undefined;
  }

  add(chunk: Buffer): void {
    if (this.#chunks === undefined) return;
    this.#sizeBytes += chunk.byteLength;
    if (this.#sizeBytes > this.#maxBytes) this.#chunks = undefined;
    else this.#chunks.push(chunk);
  }

  end(): void {
    this.#hasEnded = true;
  }
}
