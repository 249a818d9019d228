const firstBackOffMs = 100;
const maxBackOffMs = 5_000;

/** Time to wait after so many failures in a row: ever longer, 5 s at most. @internal */
export const backOffMs = (failures: number): number => Math.min(maxBackOffMs, firstBackOffMs * 2 ** (failures - 1));

/** How a call ended: `lost` with its child, `cut` by its time, its caller or the host. @internal */
export type CallEnd = 'answered' | 'lost' | 'cut';

interface Suspect {
  /** Calls in a row that were lost. */
  losses: number;
  /** Set while none of its calls may run. */
  timer: NodeJS.Timeout | undefined;
  /** The one call that shows whether the module has changed. */
  trial: object | undefined;
}

/**
 * Holds back the calls of modules that end the children which serve them, ever longer, so that those of other modules find
 * children that live: after its time one call of such a module is tried, and the others follow once it was answered.
 * @internal
 */
export class CrashBackOff {
  readonly #suspects = new Map<number, Suspect>();
  readonly #onFree: () => void;

  /** @param onFree called when calls that were held back may run */
  constructor(onFree: () => void) {
    this.#onFree = onFree;
  }

  /** Whether calls of that module have to wait. */
  holds(module: number): boolean {
    const suspect = this.#suspects.get(module);
    return suspect !== undefined && (suspect.timer !== undefined || suspect.trial !== undefined);
  }

  /** Whether a call of that module was lost and none has been answered since. */
  suspects(module: number): boolean {
    return this.#suspects.has(module);
  }

  /** Of a call that is not held back. */
  began(module: number, call: object): void {
    const suspect = this.#suspects.get(module);
    if (suspect !== undefined) suspect.trial = call;
  }

  /** Of any call, whether it began or not. */
  ended(module: number, call: object, how: CallEnd): void {
    const suspect = this.#suspects.get(module);
    if (suspect?.trial === call) suspect.trial = undefined;
    if (how === 'lost') return this.#wait(module, suspect);
    if (suspect === undefined) return;
    if (how === 'answered') suspect.losses = 0;
    this.#release(module, suspect);
  }

  /** Of a module that will have no more calls. */
  forget(module: number): void {
    clearTimeout(this.#suspects.get(module)?.timer);
    this.#suspects.delete(module);
  }

  close(): void {
    for (const module of this.#suspects.keys()) this.forget(module);
  }

  #wait(module: number, suspect: Suspect = { losses: 0, timer: undefined, trial: undefined }): void {
    this.#suspects.set(module, suspect);
    clearTimeout(suspect.timer);
    suspect.losses++;
    suspect.timer = setTimeout(() => {
      suspect.timer = undefined;
      this.#release(module, suspect);
    }, backOffMs(suspect.losses));
    // The calls that wait have timers of their own.
    suspect.timer.unref();
  }

  #release(module: number, suspect: Suspect): void {
    if (suspect.timer !== undefined || suspect.trial !== undefined) return;
    if (suspect.losses === 0) this.#suspects.delete(module);
    this.#onFree();
  }
}
