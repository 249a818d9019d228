import type { Json } from '@hotswap/core';
import type { IdempotencyKeys, IdempotentRequest } from '../ports/idempotency-keys.ts';

/** Three times within the minute after which the key of a server that died is anybody's again. */
const renewMs = 20_000;

/** The claim of one request on its key, for as long as the request is carried out. @internal */
export class RunningClaim {
  readonly #keys: IdempotencyKeys;
  readonly #request: IdempotentRequest;
  readonly #owner: string;
  #timer: NodeJS.Timeout | undefined;
  #isOutlived = false;
  /** What the work came to after its caller was answered. */
  #end: (() => Promise<void>) | undefined;

  constructor(keys: IdempotencyKeys, request: IdempotentRequest, owner: string) {
    this.#keys = keys;
    this.#request = request;
    this.#owner = owner;
  }

  /**
   * Renews the claim until the work has ended. Where the caller was answered before that, the result of the work is kept
   * for repeats; one that has failed gives the key back. Never rejects.
   */
  async follow(work: unknown, answerOf: (result: unknown) => object | null): Promise<void> {
    this.#timer = setInterval(() => void this.#renew(), renewMs);
    this.#timer.unref();
    try {
      const answer = answerOf(await work);
      // Of an answer that nobody knows there is nothing to keep: the claim runs out.
      this.#end = () => (answer === null ? Promise.resolve() : this.complete(answer));
    } catch {
      this.#end = () => this.abandon();
    }
    clearInterval(this.#timer);
    if (this.#isOutlived) await this.#end().catch(() => undefined);
  }

  /** The caller is answered without the result of the work. */
  async outlive(): Promise<void> {
    this.#isOutlived = true;
    await this.#end?.();
  }

  complete(answer: object): Promise<void> {
    return this.#keys.complete(this.#request, this.#owner, answer as Exclude<Json, null>);
  }

  abandon(): Promise<void> {
    return this.#keys.abandon(this.#request, this.#owner);
  }

  /** A database that is away is asked again; a claim that somebody else has now is not. */
  async #renew(): Promise<void> {
    const isOurs = await this.#keys.renew(this.#request, this.#owner).catch(() => true);
    if (!isOurs) clearInterval(this.#timer);
  }
}
