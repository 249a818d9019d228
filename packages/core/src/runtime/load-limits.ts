import type { CallOptions, LoadOptions, NetworkPolicy } from '../contracts/loaded-module.ts';
import { durationMs } from '../model/duration.ts';
import { type InstanceReuse, defaultInstanceReuse, defaultResourceLimits } from '../model/module.ts';
import { runtimeContractError } from './error-codes.ts';
import { checkOptionShape } from './load-option-shape.ts';

const mebibyte = 1_048_576;
const gibibyte = 1_073_741_824;
const tebibyte = 1_099_511_627_776;
const dayMs = 86_400_000;
const defaultMaxOutputBytes = mebibyte;

interface Range {
  readonly least: number;
  readonly most: number;
}

const anyCount: Range = { least: 1, most: Number.MAX_SAFE_INTEGER };
const anySize: Range = { least: 0, most: Number.MAX_SAFE_INTEGER };
const upToGibibyte: Range = { least: 0, most: gibibyte };
const upToTebibyte: Range = { least: 0, most: tebibyte };

/** The numbers of {@link NetworkPolicy}; what is absent is the runtime's own. @public */
export type NetworkLimits = Pick<
  NetworkPolicy,
  'maxConcurrentRequests' | 'maxRequestBytes' | 'maxResponseBytes' | 'requestTimeoutMs'
>;

const networkRanges: Readonly<Record<keyof NetworkLimits, Range>> = {
  maxConcurrentRequests: { least: 1, most: 10_000 },
  maxRequestBytes: upToTebibyte,
  maxResponseBytes: upToTebibyte,
  requestTimeoutMs: { least: 1, most: dayMs },
};

/** The numbers of {@link LoadOptions}, each one that an engine can be given, in bytes and milliseconds. @public */
export interface LoadLimits {
  readonly maxMemoryBytes: number;
  /** Share of a core; 100 and more: nothing is held back. */
  readonly maxCpuPercent: number;
  readonly timeoutMs: number;
  readonly maxInputBytes: number;
  readonly maxOutputBytes: number;
  /** `undefined`: the runtime's own bound, as for `maxStateBytes`. */
  readonly maxLogBytesPerSecond: number | undefined;
  readonly maxStateBytes: number | undefined;
  /** `null`: not metered. */
  readonly fuel: number | null;
  /** `null`: a fresh instance for each call. */
  readonly reuse: { readonly maxInstances: number; readonly maxCalls: number; readonly maxIdleMs: number } | null;
  /** `null`: no network. */
  readonly network: NetworkLimits | null;
}

/** What differs between runtimes in {@link loadLimits}. @public */
export interface LoadBounds {
  /** Largest `maxOutputSize`, in bytes. */
  readonly mostOutputBytes: number;
}

/**
 * What load options say in numbers, defaults filled in: the same for every runtime, before an engine sees any of it.
 * `Infinity` stands for no bound of the embedder's, and becomes the most that there is: of fuel, a metered call without an
 * end. Sizes and counts are whole numbers; megabytes and shares need not be.
 * An option that there is not is refused too: a limit whose name is written wrong would be none. So are values of another
 * kind, `null` among them where the type has none; `undefined` is absent.
 * @throws HS_RUNTIME_INVALID_ARGUMENT with the path of the option that there is not, that is not of its kind, or that is no
 * number within its range; HS_CORE_INVALID_DURATION
 * @public
 */
export function loadLimits(options: LoadOptions, { mostOutputBytes }: LoadBounds): LoadLimits {
  checkOptionShape(options);
  const limits = { ...defaultResourceLimits, ...options.limits };
  const { fuel = null, reuse = null } = options.runtime ?? {};
  const { maxOutputSize = defaultMaxOutputBytes, maxLogBytesPerSecond, maxStateBytes } = options;
  return {
    maxMemoryBytes: Math.floor(within('limits.maxMemoryMB', limits.maxMemoryMB, { least: 0, most: 4_096 }) * mebibyte),
    maxCpuPercent: within('limits.maxCpuPercent', limits.maxCpuPercent, anySize),
    timeoutMs: span('limits.maxExecutionTime', limits.maxExecutionTime, { least: 1, most: dayMs }),
    maxInputBytes: whole('limits.maxInputSize', limits.maxInputSize, anySize),
    maxOutputBytes: whole('maxOutputSize', maxOutputSize, { least: 1, most: mostOutputBytes }),
    maxLogBytesPerSecond: optional('maxLogBytesPerSecond', maxLogBytesPerSecond),
    maxStateBytes: optional('maxStateBytes', maxStateBytes),
    fuel: fuel === null ? null : whole('runtime.fuel', fuel, anyCount),
    reuse: reuse === null ? null : reuseLimits({ ...defaultInstanceReuse, ...reuse }),
    network: options.network === undefined ? null : networkLimits(options.network),
  };
}

/**
 * The time limit that a call brings, in milliseconds. 0: none besides the module's own, as where it is absent or `Infinity`.
 * @throws HS_RUNTIME_INVALID_ARGUMENT for what is no number, or below zero
 * @public
 */
export function callTimeoutMs({ timeoutMs = 0 }: CallOptions): number {
  return timeoutMs === Number.POSITIVE_INFINITY ? 0 : within('timeoutMs', timeoutMs, anySize);
}

/**
 * The time that a drain waits, in milliseconds: a day at most, which is longer than any call may take.
 * @throws HS_RUNTIME_INVALID_ARGUMENT for what is no number, or below zero
 * @public
 */
export function drainLimitMs(deadlineMs: number): number {
  return Math.min(within('deadlineMs', deadlineMs, anySize), dayMs);
}

function reuseLimits({ maxInstances, maxCalls, maxIdleTime }: InstanceReuse): NonNullable<LoadLimits['reuse']> {
  return {
    maxInstances: whole('runtime.reuse.maxInstances', maxInstances, { least: 1, most: 10_000 }),
    maxCalls: whole('runtime.reuse.maxCalls', maxCalls, anyCount),
    maxIdleMs: span('runtime.reuse.maxIdleTime', maxIdleTime, { least: 1, most: 7 * dayMs }),
  };
}

function networkLimits(policy: NetworkPolicy): NetworkLimits {
  const limits: { -readonly [Name in keyof NetworkLimits]: NetworkLimits[Name] } = {};
  for (const name of Object.keys(networkRanges) as (keyof NetworkLimits)[]) {
    const value = policy[name];
    if (value !== undefined) limits[name] = whole(`network.${name}`, value, networkRanges[name]);
  }
  return limits;
}

const optional = (path: string, value: number | undefined): number | undefined =>
  value === undefined ? undefined : whole(path, value, upToGibibyte);

function whole(path: string, value: number, range: Range): number {
  if (value !== Number.POSITIVE_INFINITY && !Number.isInteger(value)) return refuse(path, 'a whole number', range);
  return within(path, value, range, 'a whole number');
}

function within(path: string, value: number, range: Range, what = 'a number'): number {
  if (value === Number.POSITIVE_INFINITY) return range.most;
  // NaN is neither.
  return typeof value === 'number' && value >= range.least && value <= range.most ? value : refuse(path, what, range);
}

function span(path: string, text: string, range: Range): number {
  const ms = durationMs(text);
  return ms >= range.least && ms <= range.most ? ms : refuse(path, 'a duration in milliseconds', range);
}

function refuse(path: string, what: string, { least, most }: Range): never {
  throw runtimeContractError('HS_RUNTIME_INVALID_ARGUMENT', { path, expected: `${what} from ${least} to ${most}` });
}
