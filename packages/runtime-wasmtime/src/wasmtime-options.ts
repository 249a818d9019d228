import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import process from 'node:process';
import type { RuntimeOptions } from '../binding.d.ts';
import { runtimeError } from './error-codes.ts';

/**
 * What works but may still change, and is off unless {@link WasmtimeOptions.experimental} names it. `preview3`: components
 * with asynchronous functions, and WASI 0.3. They run on an engine of their own, which is made for the first of them.
 * @beta
 */
export type WasmtimeExperiment = 'preview3';

/** All there are. @beta */
export const wasmtimeExperiments: readonly WasmtimeExperiment[] = ['preview3'];

/**
 * Options of {@link wasmtime}. Those of the engine itself count for the whole process: the first host decides them, later
 * ones share what stands.
 * @public
 */
export interface WasmtimeOptions {
  /**
   * Folder for compiled code and the key that authenticates it, created for this user alone. `false`: compile at each load.
   * Default: `hotswap/wasmtime` in `$XDG_CACHE_HOME`, else in `~/.cache`.
   */
  readonly cacheDirectory?: string | false;
  /** Larger binaries are refused before parsing. Default 52,428,800 bytes. */
  readonly maxModuleBytes?: number;
  /**
   * Where modules are compiled that the cache does not have. `child`: in a process of its own that is ended after 10 s on
   * the processor or beyond 1 GiB of memory (HS_RUNTIME_COMPILE_LIMIT): for modules of strangers, because a small binary
   * can take minutes and gigabytes to compile. `in-process` (default): without bounds.
   */
  readonly compile?: 'child' | 'in-process';
  /** Calls of one module that are admitted but not finished; more fail with HS_RUNTIME_QUEUE_FULL. Default 1,000. */
  readonly maxPendingCallsPerModule?: number;
  /** Wall clock of `invokeSync`, which blocks the event loop. Default 100, at most 1,000 ms. */
  readonly syncTimeoutMs?: number;
  /**
   * Process-wide. Instances that are alive at once in the pool; 0 switches it off. Default: what cores, memory and address
   * space of the machine or its container are good for, at most 1,000.
   */
  readonly poolSlots?: number;
  /** Process-wide. Memory of all guests together. Default: 80 % of what the machine or its container has. */
  readonly maxGuestMemoryBytes?: number;
  /** Process-wide. Threads that run asynchronous calls. Default: cores less one, at least two. */
  readonly workerThreads?: number;
  /** Process-wide. Threads that compile. Default: half of the cores, at least one. */
  readonly compileThreads?: number;
  /** Process-wide. Calls of all modules that are admitted but not finished. Default 10,000. */
  readonly maxPendingCalls?: number;
  /**
   * Process-wide. `explicit` runs without any signal handler, with slower guest code: for processes whose crash reporter
   * insists on SIGSEGV. Default `signals`.
   */
  readonly trapMode?: 'signals' | 'explicit';
  /** What this host may use although it may still change. Default none. @beta */
  readonly experimental?: readonly WasmtimeExperiment[];
}

/** Options with defaults filled in. @internal */
export interface ResolvedOptions {
  readonly cacheDirectory: string | false;
  readonly maxModuleBytes: number;
  readonly compile: 'child' | 'in-process';
  readonly maxPendingCallsPerModule: number;
  readonly syncTimeoutMs: number;
  readonly experimental: readonly WasmtimeExperiment[];
  readonly engine: RuntimeOptions;
}

const bounds = {
  maxModuleBytes: [1, 1_073_741_824],
  maxPendingCallsPerModule: [1, 1_000_000],
  syncTimeoutMs: [1, 1_000],
  poolSlots: [0, 100_000],
  maxGuestMemoryBytes: [65_536, Number.MAX_SAFE_INTEGER],
  workerThreads: [1, 1_024],
  compileThreads: [1, 1_024],
  maxPendingCalls: [1, 10_000_000],
} as const;

const names = new Set<string>([...Object.keys(bounds), 'cacheDirectory', 'compile', 'trapMode', 'experimental']);

/**
 * Checks options and fills the defaults.
 * @throws HS_RUNTIME_INVALID_OPTIONS naming the option.
 * @internal
 */
export function resolveOptions(options: WasmtimeOptions): ResolvedOptions {
  for (const name of Object.keys(options))
    if (!names.has(name)) refuse(name, `there is no such option; known are ${[...names].join(', ')}`);
  for (const [name, [least, most]] of Object.entries(bounds)) {
    const value = options[name as keyof typeof bounds];
    if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) continue;
    refuse(name, `it must be a whole number from ${least} to ${most}, not ${String(value)}`);
  }
  const {
    cacheDirectory = defaultCacheDirectory(),
    trapMode,
    compile = 'in-process',
    experimental = [],
    poolSlots,
    maxGuestMemoryBytes,
    workerThreads,
    compileThreads,
    maxPendingCalls,
  } = options;
  if (cacheDirectory !== false && !isAbsolute(cacheDirectory))
    refuse('cacheDirectory', 'it must be an absolute path or false');
  if (trapMode !== undefined && trapMode !== 'signals' && trapMode !== 'explicit')
    refuse('trapMode', 'it must be "signals" or "explicit"');
  if (compile !== 'child' && compile !== 'in-process') refuse('compile', 'it must be "child" or "in-process"');
  if (
    !Array.isArray(experimental) ||
    !experimental.every((name) => wasmtimeExperiments.some((known) => known === name))
  )
    refuse('experimental', `it must be a list of ${wasmtimeExperiments.map((name) => `"${name}"`).join(', ')}`);
  return {
    cacheDirectory,
    compile,
    maxModuleBytes: options.maxModuleBytes ?? 52_428_800,
    maxPendingCallsPerModule: options.maxPendingCallsPerModule ?? 1_000,
    syncTimeoutMs: options.syncTimeoutMs ?? 100,
    experimental: [...new Set(experimental)],
    engine: {
      ...(poolSlots === undefined ? {} : { poolSlots }),
      ...(maxGuestMemoryBytes === undefined ? {} : { maxGuestMemoryBytes }),
      ...(workerThreads === undefined ? {} : { workerThreads }),
      ...(compileThreads === undefined ? {} : { compileThreads }),
      ...(maxPendingCalls === undefined ? {} : { maxPendingCalls }),
      ...(trapMode === undefined ? {} : { trapMode }),
    },
  };
}

function refuse(option: string, why: string): never {
  throw runtimeError('HS_RUNTIME_INVALID_OPTIONS', { option, why });
}

function defaultCacheDirectory(): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), '.cache'), 'hotswap', 'wasmtime');
}
