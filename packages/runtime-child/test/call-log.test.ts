import { expect, it } from 'vitest';
import { CallLog, outputOfResult } from '../src/call-log.ts';
import type { GuestOutput } from '../src/guest-output.ts';
import { LogRate } from '../src/log-rate.ts';

/** In a time that does not pass. */
const logOf = (maxOutputBytes: number, bytesPerSecond: number): CallLog =>
  new CallLog(maxOutputBytes, new LogRate(bytesPerSecond, () => 0));

const output = (stdout: number, stderr: number, dropped = 0): GuestOutput => ({
  stdout: new Uint8Array(stdout),
  stderr: new Uint8Array(stderr),
  stdoutDroppedBytes: dropped,
  stderrDroppedBytes: 0,
});

it('keeps what fits into the rate, complaints first, and counts the rest', () => {
  const log = logOf(1_000, 10);
  const kept = log.keep(output(8, 6, 5));
  expect([kept.stdout.length, kept.stderr.length]).toEqual([4, 6]);
  expect(outputOfResult(kept)).toMatchObject({ droppedBytes: 5 + 4 });
});

it('gives a call no more room than the rate has left, and never more than its limit', () => {
  const log = logOf(6, 10);
  expect(log.roomBytes).toBe(6);
  log.keep(output(7, 0));
  expect(log.roomBytes).toBe(3);
});

it('a stream of which all was dropped is there, one that was not written to is not', () => {
  const log = logOf(6, 0);
  expect(outputOfResult(log.keep(output(2, 0)))).toEqual({ stdout: new Uint8Array(), droppedBytes: 2 });
});
