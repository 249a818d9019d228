import { runtimeError } from './error-codes.ts';
import { mapNativeError } from './map-native-error.ts';

interface Waiting {
  resolve(answer: unknown): void;
  reject(reason: unknown): void;
}

/** Joins asynchronous methods of the addon's HTTP plane with the promises that wait for them. @internal */
export class PendingAnswers {
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /** @throws what the addon throws or completes with, as the project's error */
  submit(start: (callId: number) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const callId = ++this.#lastId;
      this.#waiting.set(callId, { resolve, reject });
      try {
        start(callId);
      } catch (error) {
        this.#waiting.delete(callId);
        reject(mapNativeError(error));
      }
    });
  }

  complete(callId: number, failure: unknown, json: string | undefined): void {
    const waiting = this.#waiting.get(callId);
    this.#waiting.delete(callId);
    if (failure === undefined) waiting?.resolve(json === undefined ? undefined : JSON.parse(json));
    else waiting?.reject(mapNativeError(failure));
  }

  /** Nothing will be completed any more. */
  abandon(): void {
    for (const waiting of this.#waiting.values())
      waiting.reject(runtimeError('HS_RUNTIME_CLOSED', { what: 'HTTP plane' }));
    this.#waiting.clear();
  }
}
