import { type LoadLimits, type LoadOptions, defaultModuleRuntime, loadLimits } from '@hotswap/core';
import type { ModulePolicy } from '../binding.d.ts';
import type { ResolvedOptions } from './wasmtime-options.ts';

/** What a command may write is kept in memory until it ends; the engine takes no more. */
const mostOutputBytes = 67_108_864;
/** The addon counts time on the processor in ticks of this length. */
const tickMs = 10;

/**
 * A module's limits and grants as the addon takes them. A share of a core counts twice: all calls together are held to it
 * over each second, and one call may spend that share of its time limit on the processor.
 * @throws HS_RUNTIME_INVALID_ARGUMENT for options that no engine can be given
 * @internal
 */
export function modulePolicy(load: LoadOptions, options: ResolvedOptions): ModulePolicy {
  const limits = loadLimits(load, { mostOutputBytes });
  const { timeoutMs, maxCpuPercent, maxOutputBytes, maxStateBytes, maxLogBytesPerSecond } = limits;
  const { args, env, dirs, programName } = load.wasi ?? {};
  return {
    limits: {
      maxMemoryBytes: limits.maxMemoryBytes,
      timeoutMs,
      // A whole core and no share are the same: nothing is held back.
      ...(maxCpuPercent < 100 ? { maxCpuPercent: Math.max(1, Math.floor(maxCpuPercent)) } : {}),
      cpuMs: Math.min(timeoutMs, Math.max(tickMs, Math.ceil((timeoutMs * maxCpuPercent) / 100))),
      syncTimeoutMs: Math.min(options.syncTimeoutMs, timeoutMs),
      maxInputBytes: limits.maxInputBytes,
      maxOutputBytes,
      maxStdioBytes: maxOutputBytes,
      ...(maxStateBytes === undefined ? {} : { maxStateBytes }),
      ...(maxLogBytesPerSecond === undefined ? {} : { maxLogBytesPerSecond }),
      maxPendingCalls: options.maxPendingCallsPerModule,
    },
    wasi: {
      ...(args === undefined ? {} : { args }),
      ...(programName === undefined ? {} : { programName }),
      ...(env === undefined ? {} : { env }),
      ...(dirs === undefined ? {} : { preopens: dirs }),
    },
    runtime: runtimePolicy(load.runtime, limits),
    ...(limits.network === null ? {} : { network: { ...load.network, ...limits.network } }),
  };
}

function runtimePolicy(
  asked: LoadOptions['runtime'],
  { reuse, fuel }: LoadLimits,
): NonNullable<ModulePolicy['runtime']> {
  const { simd, aotCache, stateful } = { ...defaultModuleRuntime, ...asked };
  return { reuse, fuel, simd, aotCache, stateful };
}
