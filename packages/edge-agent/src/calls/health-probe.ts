import { durationMs, type HealthCheck, type LoadedModule, type ObservedRelease } from '@hotswap/core';
import { askHealth, type HealthQuestion } from './health-question.ts';

type ObservedHealth = NonNullable<ObservedRelease['health']>;

/** Longest message of a failed check that is reported. */
const maxMessageLength = 200;

/**
 * Runs one release's health function as long as desired state asks for it: at once, then each interval, each time in an
 * instance of its own. Counts consecutive answers of one round; a new round is a new probe.
 * @internal
 */
export class HealthProbe {
  readonly round: string;
  readonly check: HealthCheck;
  readonly #module: LoadedModule;
  readonly #onChange: () => void;
  readonly #onOutput: HealthQuestion['onOutput'];
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #health: ObservedHealth;

  /**
   * @param onChange called when the state turns, not for each answer
   * @param onOutput given what the function writes
   */
  constructor(
    probe: { readonly round: string; readonly check: HealthCheck },
    module: LoadedModule,
    onChange: () => void,
    onOutput?: HealthQuestion['onOutput'],
  ) {
    this.round = probe.round;
    this.check = probe.check;
    this.#module = module;
    this.#onChange = onChange;
    this.#onOutput = onOutput;
    this.#health = { round: probe.round, state: 'unknown', consecutiveSuccesses: 0, consecutiveFailures: 0 };
  }

  /** What the round has come to so far. */
  get health(): ObservedHealth {
    return this.#health;
  }

  start(): void {
    if (!this.check.enabled) {
      this.#health = { ...this.#health, state: 'healthy' };
      this.#onChange();
      return;
    }
    void this.#run();
  }

  /** No answer counts from now on; a call that runs is cancelled. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    const started = performance.now();
    const failure = await askHealth({
      module: this.#module,
      check: this.check,
      signal: this.#stopped.signal,
      onOutput: this.#onOutput,
    });
    if (this.#stopped.signal.aborted) return;
    this.#count(failure);
    const wait = Math.max(0, durationMs(this.check.interval) - (performance.now() - started));
    this.#timer = setTimeout(() => void this.#run(), wait);
  }

  #count(failure: string | undefined): void {
    const before = this.#health;
    const good = failure === undefined;
    const consecutiveSuccesses = good ? before.consecutiveSuccesses + 1 : 0;
    const consecutiveFailures = good ? 0 : before.consecutiveFailures + 1;
    let state = before.state;
    if (consecutiveSuccesses >= this.check.successThreshold) state = 'healthy';
    if (consecutiveFailures >= this.check.failureThreshold) state = 'unhealthy';
    this.#health = {
      round: this.round,
      state,
      consecutiveSuccesses,
      consecutiveFailures,
      ...(failure === undefined ? {} : { message: failure.slice(0, maxMessageLength) }),
    };
    if (state !== before.state) this.#onChange();
  }
}
