import type { CallResult } from '@hotswap/core';
import type { Reply, WireResults } from './child-messages.ts';
import { fromWire } from './core-values.ts';

/** What a caller gets of a call that was answered. @internal */
export function callResult({ message }: Reply, startedMs: number): CallResult {
  const values = (message.ok as WireResults).results.map(fromWire);
  const { fuelUsed } = message.usage;
  return {
    value: values.length > 1 ? values : values[0],
    durationMs: performance.now() - startedMs,
    ...(fuelUsed === null ? {} : { fuelUsed }),
  };
}
