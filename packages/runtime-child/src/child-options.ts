import { availableParallelism } from 'node:os';
import { runtimeChildError } from './error-codes.ts';

/** Options of every engine in a child process. @public */
export interface ChildRuntimeOptions {
  /** The program of the engine. Default: the environment variable that the README names, then the package's own build. */
  readonly executable?: string;
  /** Children that serve calls, each one call at a time. Default: cores, at least 2, at most 4. */
  readonly processes?: number;
  /** Open instances at once; each is a child of its own. Default 16. */
  readonly maxOpenInstances?: number;
  /** Calls of all modules that are admitted but not finished. Default 10,000. */
  readonly maxPendingCalls?: number;
  /** Calls of one module that are admitted but not finished. Default 1,000. */
  readonly maxPendingCallsPerModule?: number;
  /** Larger binaries are refused before a child sees them. Default 52,428,800 bytes. */
  readonly maxModuleBytes?: number;
  /** Time in which a binary has to be validated and compiled. Default 30,000 ms. */
  readonly loadTimeoutMs?: number;
  /** Time in which a child has to let go of a module; it is ended after that. Default 2,000 ms. */
  readonly unloadTimeoutMs?: number;
  /** Writable memory of one child, guests and compiler together; on Linux only. Default 2,048 mebibytes. */
  readonly maxProcessMemoryMB?: number;
}

/** Numbers with their defaults filled in. @internal */
export type ResolvedChildOptions = Required<Omit<ChildRuntimeOptions, 'executable'>>;

const bounds: Readonly<Record<keyof ResolvedChildOptions, readonly [number, number]>> = {
  processes: [1, 64],
  maxOpenInstances: [0, 1_000],
  maxPendingCalls: [1, 1_000_000],
  maxPendingCallsPerModule: [1, 1_000_000],
  maxModuleBytes: [1, 1_073_741_824],
  loadTimeoutMs: [1, 600_000],
  unloadTimeoutMs: [1, 600_000],
  maxProcessMemoryMB: [64, 1_048_576],
};

/**
 * Checks options and fills the defaults.
 * @throws HS_RUNTIME_CHILD_INVALID_OPTIONS naming the option
 * @internal
 */
export function resolveChildOptions(engine: string, options: ChildRuntimeOptions): ResolvedChildOptions {
  const refuse = (option: string, why: string): never => {
    throw runtimeChildError('HS_RUNTIME_CHILD_INVALID_OPTIONS', { engine, option, why });
  };
  for (const name of Object.keys(options))
    if (name !== 'executable' && !Object.hasOwn(bounds, name)) refuse(name, 'there is no such option');
  for (const [name, [least, most]] of Object.entries(bounds)) {
    const value = options[name as keyof ResolvedChildOptions];
    if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) continue;
    refuse(name, `it must be a whole number from ${least} to ${most}, not ${String(value)}`);
  }
  return {
    processes: options.processes ?? Math.min(4, Math.max(2, availableParallelism())),
    maxOpenInstances: options.maxOpenInstances ?? 16,
    maxPendingCalls: options.maxPendingCalls ?? 10_000,
    maxPendingCallsPerModule: options.maxPendingCallsPerModule ?? 1_000,
    maxModuleBytes: options.maxModuleBytes ?? 52_428_800,
    loadTimeoutMs: options.loadTimeoutMs ?? 30_000,
    unloadTimeoutMs: options.unloadTimeoutMs ?? 2_000,
    maxProcessMemoryMB: options.maxProcessMemoryMB ?? 2_048,
  };
}
