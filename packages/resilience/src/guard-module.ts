import {
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  isBrokenCircuitError,
  type CircuitBreakerPolicy,
} from 'cockatiel';
import {
  isHotSwapError,
  type CallOptions,
  type CallResult,
  type CommandOptions,
  type CommandResult,
  type LoadedModule,
  type ModuleStats,
  type WitValue,
} from '@hotswap/core';
import { resilienceError } from './error-codes.ts';
import { GuardCounters, memoryMetrics, type GuardMetrics } from './guard-metrics.ts';
import {
  isModuleFailure,
  resolveBreaker,
  type BreakerState,
  type GuardedSource,
  type GuardOptions,
} from './guard-options.ts';
import { tellWatcher } from './watcher-warning.ts';

/** Who gave an answer. @public */
export interface Guarded {
  readonly origin: 'module' | 'fallback';
}

const stateNames: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: 'Closed',
  [CircuitState.Open]: 'Open',
  [CircuitState.HalfOpen]: 'HalfOpen',
  // Never entered: the kill switch stands before the breaker.
  [CircuitState.Isolated]: 'Open',
};

/**
 * Stands between a program and a module: leaves a module alone that fails again and again, and lets the program's own
 * code do the work meanwhile.
 * @throws HS_RESILIENCE_INVALID_OPTION
 * @public
 */
export function guardModule(source: GuardedSource, options: GuardOptions = {}): GuardedModule {
  return new GuardedModule(source, options);
}

/** A module behind a circuit breaker; made by {@link guardModule}. @public */
export class GuardedModule implements AsyncDisposable {
  readonly #source: GuardedSource;
  readonly #options: GuardOptions;
  readonly #rules: ReturnType<typeof resolveBreaker>;
  readonly #breaker: CircuitBreakerPolicy;
  readonly #counters = new GuardCounters();
  #isEnabled: boolean;
  #loading: Promise<LoadedModule> | undefined;
  #loaded: LoadedModule | undefined;
  #coldStartTimeMs: number | null = null;
  #trials = 0;

  /** @internal */
  constructor(source: GuardedSource, options: GuardOptions) {
    this.#source = source;
    this.#options = options;
    this.#isEnabled = options.enabled ?? true;
    this.#rules = resolveBreaker(options.breaker);
    if (typeof source !== 'function') this.#loaded = source;
    const { failureThreshold, successThreshold, recoveryMs } = this.#rules;
    this.#breaker = circuitBreaker(
      handleWhen((error) => this.#countsAgainst(error)),
      {
        breaker: new ConsecutiveBreaker(failureThreshold),
        halfOpenAfter: recoveryMs,
        halfOpenSampling: { calls: successThreshold, threshold: 0 },
      },
    );
    this.#breaker.onStateChange((state) => {
      if (state === CircuitState.HalfOpen) this.#trials = 0;
      tellWatcher('onStateChange', () => options.onStateChange?.(stateNames[state]));
    });
  }

  /** An open breaker stays `Open` after its time until a call tries the module out. */
  get state(): BreakerState {
    return stateNames[this.#breaker.state];
  }

  get isEnabled(): boolean {
    return this.#isEnabled;
  }

  /** The kill switch: from the next call on the module is left alone, or asked again. What runs goes on. */
  setEnabled(isEnabled: boolean): void {
    this.#isEnabled = isEnabled;
  }

  metrics(): GuardMetrics {
    return {
      ...this.#counters.snapshot(),
      ...memoryMetrics(this.#stats()),
      breakerState: this.state,
      isEnabled: this.#isEnabled,
      coldStartTimeMs: this.#coldStartTimeMs,
    };
  }

  /**
   * Calls a function of the module; of the fallback when the module fails, is switched off, or the breaker is open.
   * @throws HS_RESILIENCE_OPEN, HS_RESILIENCE_DISABLED and the codes of {@link LoadedModule.invoke} without a fallback;
   * with one, what the fallback throws and failures that do not count against the module
   */
  invoke(name: string, args: readonly WitValue[], call?: CallOptions): Promise<CallResult & Guarded> {
    const { fallback } = this.#options;
    return this.#guard(
      (module) => module.invoke(name, args, call),
      fallback?.invoke &&
        (async (cause, startedMs) => ({
          value: await fallback.invoke?.(name, args, cause),
          durationMs: performance.now() - startedMs,
        })),
      call?.signal,
    );
  }

  /** Runs the module's command, or the fallback's. @throws As {@link GuardedModule.invoke} */
  run(command: CommandOptions = {}): Promise<CommandResult & Guarded> {
    const { fallback } = this.#options;
    return this.#guard(
      (module) => module.run(command),
      fallback?.run && (async (cause) => (await fallback.run?.(command, cause)) as CommandResult),
      command.signal,
    );
  }

  /** Closes the module, if this guard has loaded it. One that came loaded is its owner's. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnabled = false;
    const loading = this.#loading;
    this.#loading = undefined;
    if (typeof this.#source === 'function') this.#loaded = undefined;
    const module = await loading?.catch(() => undefined);
    await module?.[Symbol.asyncDispose]();
  }

  /** `null` before it is loaded, and once its owner has closed it. */
  #stats(): ModuleStats | null {
    try {
      return this.#loaded?.stats() ?? null;
    } catch {
      return null;
    }
  }

  async #guard<Result extends object>(
    work: (module: LoadedModule) => Promise<Result>,
    instead: ((cause: Error, startedMs: number) => Promise<Result>) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Result & Guarded> {
    const startedMs = performance.now();
    let askedMs: number | undefined;
    let moduleMs = 0;
    const observe = (origin: 'module' | 'fallback' | 'none', cause?: Error): void => {
      const durationMs = performance.now() - startedMs;
      const observation = { origin, moduleMs, durationMs, ...(cause === undefined ? {} : { cause }) };
      this.#counters.count(observation, askedMs !== undefined, cause !== undefined && this.#isFailure(cause));
      tellWatcher('onCall', () => this.#options.onCall?.(observation));
    };
    try {
      this.#requireReady();
      const result = await this.#breaker.execute(async () => {
        if (this.#breaker.state === CircuitState.HalfOpen) this.#trials++;
        askedMs = performance.now();
        try {
          return await work(await this.#module());
        } finally {
          moduleMs = performance.now() - askedMs;
        }
      }, signal);
      observe('module');
      return { ...result, origin: 'module' };
    } catch (thrown) {
      const cause = isBrokenCircuitError(thrown) ? this.#openError() : (thrown as Error);
      if (instead === undefined || !this.#calls(cause, signal)) {
        observe('none', cause);
        throw cause;
      }
      try {
        const result = await instead(cause, startedMs);
        observe('fallback', cause);
        return { ...result, origin: 'fallback' };
      } catch (failure) {
        observe('none', cause);
        throw failure;
      }
    }
  }

  /** While the module is tried out, calls beyond the trials are treated as if the breaker were open. */
  #requireReady(): void {
    if (!this.#isEnabled) throw resilienceError('HS_RESILIENCE_DISABLED');
    if (this.#breaker.state === CircuitState.HalfOpen && this.#trials >= this.#rules.successThreshold)
      throw this.#openError();
  }

  /** Whether a failure calls for the fallback. */
  #calls(cause: Error, signal: AbortSignal | undefined): boolean {
    if (signal?.aborted === true) return false;
    return isHotSwapError(cause, 'HS_RESILIENCE_OPEN') || isHotSwapError(cause, 'HS_RESILIENCE_DISABLED')
      ? true
      : this.#isFailure(cause);
  }

  /** A trial that is given up has proved nothing: the module is not trusted because of it. */
  #countsAgainst(error: unknown): boolean {
    const isGivenUp = isHotSwapError(error, 'HS_RUNTIME_CANCELLED') && this.#breaker.state === CircuitState.HalfOpen;
    return isGivenUp || this.#isFailure(error);
  }

  #isFailure(error: unknown): boolean {
    return (this.#options.isFailure ?? isModuleFailure)(error);
  }

  #openError(): Error {
    const { failureThreshold, recoveryTimeout } = this.#rules;
    return resilienceError('HS_RESILIENCE_OPEN', { failures: failureThreshold, recoveryTimeout });
  }

  #module(): LoadedModule | Promise<LoadedModule> {
    if (this.#loaded !== undefined) return this.#loaded;
    return (this.#loading ??= this.#load());
  }

  async #load(): Promise<LoadedModule> {
    const startedMs = performance.now();
    try {
      const module = await (this.#source as () => Promise<LoadedModule>)();
      this.#coldStartTimeMs = performance.now() - startedMs;
      this.#loaded = module;
      return module;
    } catch (error) {
      // The next call tries again.
      this.#loading = undefined;
      throw error;
    }
  }
}
