import { durationMs, toDuration, type Duration } from '@hotswap/core';
import { resilienceError } from './error-codes.ts';
import { defaultBreaker, type BreakerOptions } from './guard-options.ts';

/** How a program embeds one module, from its configuration. @public */
export interface ModuleSettings {
  /** File of the module; absent when nothing names one. */
  readonly modulePath?: string;
  /** `enabled` of the guard: `false` leaves the module alone. Default `true`. */
  readonly enabled: boolean;
  /** Whether the program's own code does the work when the module cannot. Default `true`. */
  readonly enableFallback: boolean;
  /** `aotCache` of a release: compiled code is kept. Default `true`. */
  readonly aotCache: boolean;
  /** `simd` of a release. Default `true`. */
  readonly simd: boolean;
  /** Linear memory of an instance in mebibytes, from pages of 64 KiB. Default 64 (1,024 pages). */
  readonly maxMemoryMB: number;
  /** Time of one call. Default `PT30S`. */
  readonly maxExecutionTime: Duration;
  /** Instances that are kept. Default 8, idle ones for `PT5M`. */
  readonly reuse: { readonly maxInstances: number; readonly maxIdleTime: Duration };
  readonly breaker: BreakerOptions;
}

/** Keys of a configuration file, and what of the environment stands before each. */
const variables: Readonly<Record<string, string>> = {
  wasm_module_path: 'WASM_PATH',
  enable_wasm: 'ENABLE_WASM',
  max_memory_pages: 'WASM_MAX_MEMORY_PAGES',
  extraction_timeout: 'WASM_TIMEOUT',
};
const breakerKeys = ['failure_threshold', 'recovery_timeout', 'success_threshold', 'enable_fallback'];
const keys = [
  ...Object.keys(variables),
  ...['enable_aot_cache', 'enable_simd', 'instance_pool_size', 'max_idle_time', 'circuit_breaker'],
];

/**
 * Reads how a module is embedded: variables such as `RIPTIDE_WASM_PATH`, `RIPTIDE_ENABLE_WASM`,
 * `RIPTIDE_WASM_MAX_MEMORY_PAGES` and `RIPTIDE_WASM_TIMEOUT` (seconds) stand before the keys of the file.
 * @param block - The block `extraction` of a configuration file, once it was read.
 * @param prefix - What the variables begin with. Default `RIPTIDE`.
 * @throws HS_RESILIENCE_INVALID_OPTION naming the key that is unknown or wrong
 * @public
 */
export function readModuleSettings(
  block: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>> = {},
  prefix = 'RIPTIDE',
): ModuleSettings {
  const breaker = record(block['circuit_breaker'] ?? {}, 'circuit_breaker');
  refuseUnknown(block, keys, '');
  refuseUnknown(breaker, breakerKeys, 'circuit_breaker.');
  const value = (key: string): readonly [string, unknown] => {
    const name = `${prefix}_${variables[key] ?? ''}`;
    const given = variables[key] === undefined ? undefined : env[name];
    return given === undefined || given === '' ? [key, block[key]] : [name, given];
  };
  const inBreaker = (key: string): readonly [string, unknown] => [`circuit_breaker.${key}`, breaker[key]];
  const [pathKey, path] = value('wasm_module_path');
  if (path !== undefined && (typeof path !== 'string' || path === ''))
    throw wrong(pathKey, 'it must be the path of a file');
  return {
    ...(path === undefined ? {} : { modulePath: path }),
    enabled: readFlag(value('enable_wasm')),
    enableFallback: readFlag(inBreaker('enable_fallback')),
    aotCache: readFlag(value('enable_aot_cache')),
    simd: readFlag(value('enable_simd')),
    maxMemoryMB: readWhole(value('max_memory_pages'), 1_024) / 16,
    maxExecutionTime: readSeconds(value('extraction_timeout'), 30),
    reuse: {
      maxInstances: readWhole(value('instance_pool_size'), 8),
      maxIdleTime: readSeconds(value('max_idle_time'), 300),
    },
    breaker: {
      failureThreshold: readWhole(inBreaker('failure_threshold'), defaultBreaker.failureThreshold),
      recoveryTimeout: readSeconds(inBreaker('recovery_timeout'), durationMs(defaultBreaker.recoveryTimeout) / 1_000),
      successThreshold: readWhole(inBreaker('success_threshold'), defaultBreaker.successThreshold),
    },
  };
}

function refuseUnknown(block: Readonly<Record<string, unknown>>, known: readonly string[], at: string): void {
  const unknown = Object.keys(block).find((key) => !known.includes(key));
  if (unknown !== undefined) throw wrong(`${at}${unknown}`, `it is not known; known are ${known.join(', ')}`);
}

function record(value: unknown, key: string): Readonly<Record<string, unknown>> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  throw wrong(key, 'it must be a block of keys');
}

function readFlag([key, value]: readonly [string, unknown]): boolean {
  if (value === undefined || value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw wrong(key, 'it must be true or false');
}

function readWhole([key, value]: readonly [string, unknown], otherwise: number): number {
  const number = value === undefined ? otherwise : Number(value);
  if (Number.isSafeInteger(number) && number > 0 && number <= 65_536) return number;
  throw wrong(key, 'it must be a whole number from 1 to 65,536');
}

function readSeconds([key, value]: readonly [string, unknown], otherwise: number): Duration {
  const seconds = value === undefined ? otherwise : Number(value);
  if (seconds > 0 && seconds <= 86_400) return toDuration(seconds * 1_000);
  throw wrong(key, 'it must be a number of seconds, a day at most');
}

function wrong(option: string, why: string): Error {
  return resilienceError('HS_RESILIENCE_INVALID_OPTION', { option, why });
}
