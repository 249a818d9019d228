import type { ErrorDetails, ModuleDescription, RuntimeCapabilities } from '@hotswap/core';

/** Version of the protocol that this package speaks; a child of another version is refused. @internal */
export const protocolVersion = 3;

/** Types of values that cross the border of a core module. @internal */
export type NumberType = 'i32' | 'i64' | 'f32' | 'f64';

/** A value by its bits, written as an unsigned decimal number. @internal */
export type WireValue = readonly [NumberType, string];

/** What engines differ in; the rest of the capabilities is the same for all that live in a child. @public */
export type EngineCapabilities = Pick<RuntimeCapabilities, 'wasi' | 'fuel' | 'backtraces'>;

/** First frame of a child. @internal */
export interface HelloMessage {
  readonly protocol: number;
  readonly engine: string;
  readonly version: string;
  readonly capabilities: EngineCapabilities;
}

/** Why a child could not do something. `code` is what follows `HS_RUNTIME_`. @public */
export interface ChildFailure {
  readonly code: string;
  readonly details: ErrorDetails;
}

/** First frame of a child that cannot serve at all. @internal */
export interface RefusalMessage {
  readonly failure: ChildFailure;
}

/** Limits of every instance of a module. @internal */
export interface WirePolicy {
  readonly maxMemoryBytes: number;
  readonly maxTableElements: number;
  readonly fuel: number | null;
  readonly simd: boolean;
}

/** What a guest may touch. @internal */
export interface WireWasi {
  readonly args: readonly string[];
  readonly env: readonly (readonly [string, string])[];
  readonly dirs: readonly { readonly hostPath: string; readonly guestPath: string; readonly readOnly: boolean }[];
  readonly maxOutputBytes: number;
}

/** Instances that serve several calls. @internal */
export interface WireReuse {
  readonly maxCalls: number;
  readonly maxIdleMs: number;
}

/** What a child is asked for. @internal */
export type RequestMessage =
  | { readonly do: 'inspect' }
  | { readonly do: 'load'; readonly module: number; readonly policy: WirePolicy }
  | { readonly do: 'start'; readonly module: number; readonly wasi: WireWasi }
  | { readonly do: 'unload'; readonly module: number }
  | {
      readonly do: 'call';
      readonly module: number;
      readonly export: string;
      readonly args: readonly WireValue[];
      readonly wasi: WireWasi;
      readonly reuse: WireReuse | null;
    }
  | { readonly do: 'run'; readonly module: number; readonly wasi: WireWasi }
  | { readonly do: 'open'; readonly module: number; readonly wasi: WireWasi }
  | {
      readonly do: 'callInstance';
      readonly export: string;
      readonly args: readonly WireValue[];
      readonly maxOutputBytes: number;
    };

/** What an instance has used. @internal */
export interface WireUsage {
  readonly fuelUsed: number | null;
  readonly peakMemoryBytes: number;
  readonly memoryRefusals: number;
}

/** What a guest wrote; standard output is attached, then standard error. @internal */
export interface WireOutput {
  readonly stdoutBytes: number;
  readonly stdoutDroppedBytes: number;
  readonly stderrDroppedBytes: number;
}

/** Answer to any request. @internal */
export interface ReplyMessage {
  /** The number that the request had: an answer is never taken for that of another. */
  readonly id: number;
  readonly ok?: unknown;
  readonly failure?: ChildFailure;
  readonly usage: WireUsage;
  /** Absent: nothing was written. */
  readonly output?: WireOutput;
}

/** Answer with the bytes that came with it. @internal */
export interface Reply {
  readonly message: ReplyMessage;
  readonly attached: Uint8Array;
}

/** What `inspect` and `load` answer: the description without what follows from it. @internal */
export type WireDescription = Omit<ModuleDescription, 'servesHttp'>;

/** What `call` and `callInstance` answer. @internal */
export interface WireResults {
  readonly results: readonly WireValue[];
}

/** What `run` answers. @internal */
export interface WireExit {
  readonly exitCode: number;
}
