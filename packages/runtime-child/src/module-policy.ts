import {
  type CommandOptions,
  type LoadOptions,
  defaultInstanceReuse,
  defaultModuleRuntime,
  defaultResourceLimits,
  durationMs,
} from '@hotswap/core';
import type { EngineCapabilities, WirePolicy, WireReuse, WireWasi } from './child-messages.ts';
import { runtimeChildError } from './error-codes.ts';

/** Elements of all tables of an instance together. */
const maxTableElements = 100_000;
const defaultMaxOutputBytes = 1_048_576;
/** Of each stream; two of them have to fit into one answer. */
const mostMaxOutputBytes = 268_435_456;
const defaultMaxLogBytesPerSecond = 1_048_576;
/** First argument of a program; the rest is the caller's. */
const programName = 'module';

/**
 * A module's limits and grants in the form in which a child takes them.
 * @internal
 */
export interface ModulePolicy {
  readonly wire: WirePolicy;
  readonly wasi: WireWasi;
  readonly reuse: (WireReuse & { readonly maxInstances: number }) | null;
  readonly timeoutMs: number;
  readonly maxInputBytes: number;
  /** What all calls of the module may log together; nothing of a command's output. */
  readonly maxLogBytesPerSecond: number;
}

/**
 * @throws HS_RUNTIME_UNSUPPORTED for what no engine in a child can give, before anything is loaded
 * @internal
 */
export function modulePolicy(options: LoadOptions, engine: EngineCapabilities): ModulePolicy {
  const limits = { ...defaultResourceLimits, ...options.limits };
  const runtime = { ...defaultModuleRuntime, ...options.runtime };
  if (Object.keys(options.imports ?? {}).length > 0) refuse('functions of the host');
  if (runtime.stateful) refuse('state that moves from version to version');
  if (runtime.fuel !== null && !engine.fuel) refuse('fuel');
  const reuse = runtime.reuse === null ? null : { ...defaultInstanceReuse, ...runtime.reuse };
  const { args = [], env = {}, dirs = [] } = options.wasi ?? {};
  return {
    wire: {
      maxMemoryBytes: Math.floor(limits.maxMemoryMB * 1_048_576),
      maxTableElements,
      fuel: runtime.fuel,
      simd: runtime.simd,
    },
    wasi: {
      args: [programName, ...args],
      env: Object.entries(env),
      dirs,
      maxOutputBytes: Math.min(mostMaxOutputBytes, Math.floor(options.maxOutputSize ?? defaultMaxOutputBytes)),
    },
    reuse:
      reuse === null
        ? null
        : {
            maxInstances: reuse.maxInstances,
            maxCalls: reuse.maxCalls,
            maxIdleMs: durationMs(reuse.maxIdleTime),
          },
    timeoutMs: durationMs(limits.maxExecutionTime),
    maxInputBytes: limits.maxInputSize,
    maxLogBytesPerSecond: Math.floor(options.maxLogBytesPerSecond ?? defaultMaxLogBytesPerSecond),
  };
}

/** What a call gets: no more room for its output than the log of its module has left. @internal */
export function callWasi(wasi: WireWasi, roomBytes: number): WireWasi {
  return roomBytes === wasi.maxOutputBytes ? wasi : { ...wasi, maxOutputBytes: roomBytes };
}

/** What a command gets: arguments of the call in place of the policy's, its environment laid over it. @internal */
export function commandWasi(wasi: WireWasi, { args, env }: CommandOptions): WireWasi {
  return {
    ...wasi,
    ...(args === undefined ? {} : { args: [programName, ...args] }),
    ...(env === undefined ? {} : { env: Object.entries({ ...Object.fromEntries(wasi.env), ...env }) }),
  };
}

function refuse(feature: string): never {
  throw runtimeChildError('HS_RUNTIME_UNSUPPORTED', { feature });
}
