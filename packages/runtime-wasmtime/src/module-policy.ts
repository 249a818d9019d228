import { type LoadOptions, defaultModuleRuntime, defaultResourceLimits, durationMs } from '@hotswap/core';
import type { ModulePolicy } from '../binding.d.ts';
import type { ResolvedOptions } from './wasmtime-options.ts';

const defaultMaxOutputBytes = 1_048_576;
/** The addon counts time on the processor in ticks of this length. */
const tickMs = 10;

/**
 * A module's limits and grants as the addon takes them. A share of a core counts twice: all calls together are held to it
 * over each second, and one call may spend that share of its time limit on the processor.
 * @internal
 */
export function modulePolicy(load: LoadOptions, options: ResolvedOptions): ModulePolicy {
  const limits = { ...defaultResourceLimits, ...load.limits };
  const maxOutputBytes = load.maxOutputSize ?? defaultMaxOutputBytes;
  const timeoutMs = durationMs(limits.maxExecutionTime);
  const { args, env, dirs, programName } = load.wasi ?? {};
  return {
    limits: {
      maxMemoryBytes: Math.floor(limits.maxMemoryMB * 1_048_576),
      timeoutMs,
      // A whole core and no share are the same: nothing is held back.
      ...(limits.maxCpuPercent < 100 ? { maxCpuPercent: Math.max(1, Math.floor(limits.maxCpuPercent)) } : {}),
      cpuMs: Math.min(timeoutMs, Math.max(tickMs, Math.ceil((timeoutMs * limits.maxCpuPercent) / 100))),
      syncTimeoutMs: Math.min(options.syncTimeoutMs, timeoutMs),
      maxInputBytes: limits.maxInputSize,
      maxOutputBytes,
      maxStdioBytes: maxOutputBytes,
      ...(load.maxStateBytes === undefined ? {} : { maxStateBytes: load.maxStateBytes }),
      ...(load.maxLogBytesPerSecond === undefined ? {} : { maxLogBytesPerSecond: load.maxLogBytesPerSecond }),
      maxPendingCalls: options.maxPendingCallsPerModule,
    },
    wasi: {
      ...(args === undefined ? {} : { args }),
      ...(programName === undefined ? {} : { programName }),
      ...(env === undefined ? {} : { env }),
      ...(dirs === undefined ? {} : { preopens: dirs }),
    },
    runtime: runtimePolicy(load.runtime),
    ...(load.network === undefined ? {} : { network: load.network }),
  };
}

function runtimePolicy(asked: LoadOptions['runtime']): NonNullable<ModulePolicy['runtime']> {
  const { reuse, fuel, simd, aotCache, stateful } = { ...defaultModuleRuntime, ...asked };
  return {
    reuse:
      reuse === null
        ? null
        : {
            maxInstances: reuse.maxInstances,
            maxCalls: reuse.maxCalls,
            maxIdleMs: durationMs(reuse.maxIdleTime),
          },
    fuel,
    simd,
    aotCache,
    stateful,
  };
}
