import {
  durationMs,
  isHotSwapError,
  type HealthCheck,
  type LoadedModule,
  type ObservedRelease,
  type WitValue,
} from '@hotswap/core';
import { FunctionLookup } from './function-lookup.ts';

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
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #health: ObservedHealth;

  /** @param onChange called when the state turns, not for each answer */
  constructor(
    probe: { readonly round: string; readonly check: HealthCheck },
    module: LoadedModule,
    onChange: () => void,
  ) {
    this.round = probe.round;
    this.check = probe.check;
    this.#module = module;
    this.#onChange = onChange;
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
    const failure = await this.#ask();
    if (this.#stopped.signal.aborted) return;
    this.#count(failure);
    const wait = Math.max(0, durationMs(this.check.interval) - (performance.now() - started));
    this.#timer = setTimeout(() => void this.#run(), wait);
  }

  /** `undefined` for the answer that means healthy, else what was said instead. */
  async #ask(): Promise<string | undefined> {
    const { functionName } = this.check;
    const signature = new FunctionLookup(this.#module.description).find(functionName);
    if (signature === undefined) return `the module exports no function ${functionName}`;
    try {
      const options = { timeoutMs: durationMs(this.check.timeout), signal: this.#stopped.signal };
      const { value } = await this.#module.invoke(signature.name, [], options);
      if (isHealthy(value, signature.result, this.check.expected, this.#module.description.kind === 'core'))
        return undefined;
      return `${functionName} answered ${describe(value)} instead of "${this.check.expected}"`;
    } catch (error) {
      if (isHotSwapError(error, 'HS_RUNTIME_TIMEOUT'))
        return `${functionName} did not answer within ${this.check.timeout}`;
      return `${functionName} failed: ${isHotSwapError(error) ? error.message : 'unknown error'}`;
    }
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

/**
 * Whether an answer means healthy: the expected text, `true`, an `ok` result whatever it carries, or 1 from a core
 * module. The err case of a result never arrives here: runtimes raise it.
 */
function isHealthy(value: WitValue, resultType: string | undefined, expected: string, isCore: boolean): boolean {
  if (resultType?.startsWith('result') === true) return true;
  if (value === true || value === expected) return true;
  if (typeof value !== 'number' && typeof value !== 'bigint') return false;
  return String(value) === expected || (isCore && Number(value) === 1);
}

function describe(value: WitValue): string {
  if (value === undefined) return 'nothing';
  return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? member.toString() : member));
}
