import type { CallResult, WitValue } from '@hotswap/core';
import type { CallInfo, LoadReport } from '../binding.d.ts';

/** Flag of a call whose completion is to carry a `CallInfo`. */
const wantsInfo = 1;
/** Flag of one whose completion does so where the guest wrote something. */
const wantsOutput = 2;

/** Facts about a call cost an object: asked for only where there is fuel to report, or output. @internal */
export function callFlagsOf({ profile }: Pick<LoadReport, 'profile'>): number {
  return profile === 'metered' || profile === 'concurrent-metered' ? wantsInfo : wantsOutput;
}

/** @internal */
export function callResult(value: WitValue, durationMs: number, info: CallInfo | undefined): CallResult {
  return info === undefined ? { value, durationMs } : { value, durationMs, ...fuelOf(info), ...outputOf(info) };
}

/** Absent where fuel is not metered. @internal */
export function fuelOf(info: CallInfo | undefined): { readonly fuelUsed?: number } {
  return info?.fuelUsed === undefined ? {} : { fuelUsed: info.fuelUsed };
}

/** Absent where the guest wrote nothing. */
function outputOf({ stdout, stderr, stdoutDroppedBytes = 0, stderrDroppedBytes = 0 }: CallInfo): Partial<CallResult> {
  if (stdout === undefined && stderr === undefined) return {};
  const droppedBytes = stdoutDroppedBytes + stderrDroppedBytes;
  return {
    ...(stdout === undefined ? {} : { stdout }),
    ...(stderr === undefined ? {} : { stderr }),
    ...(droppedBytes === 0 ? {} : { droppedBytes }),
  };
}
