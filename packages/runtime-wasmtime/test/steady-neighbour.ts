import type { LoadedModule } from '@hotswap/core';

/** What a neighbour noticed. */
export interface NeighbourReport {
  readonly calls: number;
  /** Calls that failed or answered wrongly; there are none while poison is contained. */
  readonly wrong: readonly string[];
}

/** Calls an `add` export again and again, a thousand times a second, whatever happens around it. */
export class SteadyNeighbour {
  readonly #module: LoadedModule;
  readonly #ratePerSecond: number;
  #answered = 0;
  #wrong: string[] = [];
  #calls: Promise<void>[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(module: LoadedModule, ratePerSecond = 1_000) {
    this.#module = module;
    this.#ratePerSecond = ratePerSecond;
  }

  start(): void {
    const startedMs = performance.now();
    let made = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedMs) * this.#ratePerSecond) / 1_000);
      // A loop that was late catches up, but never by more than a burst that would measure itself.
      for (const until = Math.min(due, made + 20); made < until; made += 1) this.#calls.push(this.#call(made));
      made = due;
    }, 1);
  }

  /** Waits for what is in flight and starts over with an empty report. */
  async take(): Promise<NeighbourReport> {
    await Promise.all(this.#calls);
    const report = { calls: this.#answered, wrong: this.#wrong };
    this.#answered = 0;
    this.#wrong = [];
    this.#calls = [];
    return report;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #call(value: number): Promise<void> {
    try {
      const answer = await this.#module.invoke('add', [value, 1]);
      if (answer.value !== value + 1) this.#wrong.push(`add(${value}, 1) = ${JSON.stringify(answer.value)}`);
    } catch (error) {
      this.#wrong.push(String((error as { code?: string }).code ?? error));
    }
    this.#answered += 1;
  }
}
