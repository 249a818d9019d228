import {
  type CallOptions,
  type CommandOptions,
  type AskedCapabilities,
  type LoadOptions,
  callTimeoutMs,
  checkCapabilities,
  defaultModuleRuntime,
  loadLimits,
} from '@hotswap/core';
import type { WirePolicy, WireReuse, WireWasi } from './child-messages.ts';
import { runtimeChildError } from './error-codes.ts';

/** Elements of all tables of an instance together. */
const maxTableElements = 100_000;
/** Of each stream; two of them have to fit into one answer. */
const mostOutputBytes = 268_435_456;
const defaultMaxLogBytesPerSecond = 1_048_576;
/** First argument of a program that was given no name. */
const defaultProgramName = 'module';

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
 * @throws HS_RUNTIME_UNSUPPORTED for what is not declared, HS_RUNTIME_INVALID_ARGUMENT for what no engine can be told, before
 * anything is loaded
 * @internal
 */
export function modulePolicy(options: LoadOptions, declared: AskedCapabilities): ModulePolicy {
  const { fuel, reuse, ...limits } = loadLimits(options, { mostOutputBytes });
  checkCapabilities(options, declared);
  const { simd = defaultModuleRuntime.simd } = options.runtime ?? {};
  const { programName = defaultProgramName, args = [], env = {}, dirs = [] } = options.wasi ?? {};
  return {
    wire: {
      maxMemoryBytes: limits.maxMemoryBytes,
      maxTableElements,
      fuel,
      simd,
    },
    wasi: {
      args: [programName, ...args],
      env: Object.entries(env),
      dirs: dirs.map((dir) => ({ ...dir })),
      maxOutputBytes: limits.maxOutputBytes,
    },
    reuse,
    timeoutMs: limits.timeoutMs,
    maxInputBytes: limits.maxInputBytes,
    maxLogBytesPerSecond: limits.maxLogBytesPerSecond ?? defaultMaxLogBytesPerSecond,
  };
}

/** Time limit of a call: its own, never longer than that of its module. @throws HS_RUNTIME_INVALID_ARGUMENT @internal */
export function callLimitMs(policy: Pick<ModulePolicy, 'timeoutMs'>, options: CallOptions): number {
  const ownMs = callTimeoutMs(options);
  return ownMs === 0 ? policy.timeoutMs : Math.min(ownMs, policy.timeoutMs);
}

/** What a call gets: no more room for its output than the log of its module has left. @internal */
export function callWasi(wasi: WireWasi, roomBytes: number): WireWasi {
  return roomBytes === wasi.maxOutputBytes ? wasi : { ...wasi, maxOutputBytes: roomBytes };
}

/**
 * What a command gets: arguments of the call in place of the policy's, its environment laid over it.
 * @throws HS_RUNTIME_INVALID_ARGUMENT
 * @internal
 */
export function commandWasi(wasi: WireWasi, { args, env }: CommandOptions): WireWasi {
  return {
    ...wasi,
    ...(args === undefined ? {} : { args: [...wasi.args.slice(0, 1), ...args.map(asText('args'))] }),
    ...(env === undefined ? {} : { env: variables({ ...Object.fromEntries(wasi.env), ...env }) }),
  };
}

const variables = (env: Readonly<Record<string, string>>): WireWasi['env'] =>
  Object.entries(env).map(([name, value]) => [asText('env')(name), asText('env')(value)]);

/** Half of a surrogate pair is no text outside of JavaScript: it would end the child that reads it. */
const asText =
  (path: string) =>
  (text: string): string => {
    if (typeof text === 'string' && text.isWellFormed()) return text;
    throw runtimeChildError('HS_RUNTIME_INVALID_ARGUMENT', { path, expected: 'a text of whole characters' });
  };
