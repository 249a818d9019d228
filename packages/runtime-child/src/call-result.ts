import type { CallResult } from '@hotswap/core';
import { type CallLog, outputOfResult } from './call-log.ts';
import type { Reply, WireResults } from './child-messages.ts';
import { fromWire } from './core-values.ts';
import { outputOfReply } from './guest-output.ts';

/** What a caller gets of a call that was answered. @internal */
export function callResult(reply: Reply, startedMs: number, log: CallLog): CallResult {
  const { message } = reply;
  const values = (message.ok as WireResults).results.map(fromWire);
  const { fuelUsed } = message.usage;
  const output = outputOfReply(reply);
  return {
    value: values.length > 1 ? values : values[0],
    durationMs: performance.now() - startedMs,
    ...(fuelUsed === null ? {} : { fuelUsed }),
    ...(output === undefined ? {} : outputOfResult(log.keep(output))),
  };
}
