import {
  durationMs,
  isHotSwapError,
  type CommandOptions,
  type CommandResult,
  type Duration,
  type LoadedModule,
  type WitValue,
} from '@hotswap/core';
import { resilienceError } from './error-codes.ts';

/** When a module is left alone, and for how long. @public */
export interface BreakerOptions {
  /** Failures in a row that open the breaker. Default 5. */
  readonly failureThreshold: number;
  /** How long it stays open before the module is tried again. Default `PT5S`. */
  readonly recoveryTimeout: Duration;
  /** Good trials in a row that close it again. Default 1. */
  readonly successThreshold: number;
}

/** What every key of a breaker is when nobody sets it. @public */
export const defaultBreaker: BreakerOptions = { failureThreshold: 5, recoveryTimeout: 'PT5S', successThreshold: 1 };

/** Code of the embedding program that does a module's work when the module cannot. @public */
export interface ModuleFallback {
  /** Answers a call of a function. `cause`: why the module did not. Absent: calls fail with the cause. */
  invoke?(name: string, args: readonly WitValue[], cause: Error): WitValue | Promise<WitValue>;
  /** Does the work of a command. Absent: runs fail with the cause. */
  run?(options: CommandOptions, cause: Error): CommandResult | Promise<CommandResult>;
}

/** `Closed`: the module is asked. `Open`: it is not. `HalfOpen`: a few calls try it out. @public */
export type BreakerState = 'Closed' | 'Open' | 'HalfOpen';

/** One finished call, for histograms and logs. @public */
export interface GuardObservation {
  /** Who gave the answer; `none`: it failed. */
  readonly origin: 'module' | 'fallback' | 'none';
  /** Time of the module's own attempt; 0 when it was not asked. */
  readonly moduleMs: number;
  /** Time of the whole call. */
  readonly durationMs: number;
  /** Why the module gave no answer; absent when it did. */
  readonly cause?: Error;
}

/** Options of {@link guardModule}. @public */
export interface GuardOptions {
  readonly breaker?: Partial<BreakerOptions>;
  readonly fallback?: ModuleFallback;
  /** The kill switch: `false` leaves the module alone altogether, and does not load it. Default `true`. */
  readonly enabled?: boolean;
  /**
   * Whether a failure counts against the module. Default {@link isModuleFailure}. What does not count is thrown as it is,
   * without fallback.
   */
  readonly isFailure?: (error: unknown) => boolean;
  /** Called after each change of the breaker. What it throws becomes a warning of the process. */
  readonly onStateChange?: (state: BreakerState) => void;
  /** Called after each call. What it throws becomes a warning of the process. */
  readonly onCall?: (observation: GuardObservation) => void;
}

/** A module, or how to get one: then it is loaded at the first call, and a load that fails counts as a failed call. @public */
export type GuardedSource = LoadedModule | (() => Promise<LoadedModule>);

/** Mistakes of the caller and answers of the guest: the module itself is well. */
const callersOwn: ReadonlySet<string> = new Set([
  'HS_RUNTIME_INVALID_ARGUMENT',
  'HS_RUNTIME_UNKNOWN_EXPORT',
  'HS_RUNTIME_NOT_A_COMMAND',
  'HS_RUNTIME_INPUT_LIMIT',
  'HS_RUNTIME_CANCELLED',
  'HS_RUNTIME_GUEST_ERROR',
]);

/**
 * Whether an error says that a module is not well: traps, limits, time-outs, failures to load. Wrong arguments, cancelled
 * calls and `err` results of the guest do not.
 * @public
 */
export function isModuleFailure(error: unknown): boolean {
  return !(isHotSwapError(error) && callersOwn.has(error.code));
}

/** Fills in defaults. @throws HS_RESILIENCE_INVALID_OPTION @internal */
export function resolveBreaker(given: Partial<BreakerOptions> = {}): BreakerOptions & { readonly recoveryMs: number } {
  const breaker = { ...defaultBreaker, ...given };
  for (const option of ['failureThreshold', 'successThreshold'] as const) {
    if (Number.isSafeInteger(breaker[option]) && breaker[option] > 0) continue;
    throw resilienceError('HS_RESILIENCE_INVALID_OPTION', { option, why: 'it must be a whole number above 0' });
  }
  return { ...breaker, recoveryMs: durationMs(breaker.recoveryTimeout) };
}
