/** What calls at a steady rate took. */
export interface SteadyReport {
  readonly calls: number;
  readonly wrong: number;
  readonly latenciesMs: readonly number[];
}

/** Makes a call every so often, whatever happens around it, until it is stopped. A loop that was late catches up, but never in a burst that would measure itself. */
export class SteadyCalls {
  readonly #call: () => Promise<boolean>;
  readonly #perSecond: number;

  /** @param call answers whether the answer was right */
  constructor(perSecond: number, call: () => Promise<boolean>) {
    this.#perSecond = perSecond;
    this.#call = call;
  }

  async during(work: Promise<unknown>): Promise<SteadyReport> {
    const latenciesMs: number[] = [];
    const pending: Promise<void>[] = [];
    let wrong = 0;
    const one = async (): Promise<void> => {
      const sinceMs = performance.now();
      if (!(await this.#call().catch(() => false))) wrong += 1;
      latenciesMs.push(performance.now() - sinceMs);
    };
    const startedMs = performance.now();
    let made = 0;
    const timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedMs) * this.#perSecond) / 1_000);
      for (const until = Math.min(due, made + 20); made < until; made += 1) pending.push(one());
      made = due;
    }, 1);
    try {
      await work;
    } finally {
      clearInterval(timer);
    }
    await Promise.all(pending);
    return { calls: latenciesMs.length, wrong, latenciesMs };
  }
}
