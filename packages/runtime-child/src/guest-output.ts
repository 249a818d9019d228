import type { Reply } from './child-messages.ts';

/**
 * What a guest wrote to its two streams.
 * @internal
 */
export interface GuestOutput {
  /** Head of standard output. */
  readonly stdout: Uint8Array;
  /** Head of standard error. */
  readonly stderr: Uint8Array;
  /** Bytes of standard output that were not kept. */
  readonly stdoutDroppedBytes: number;
  readonly stderrDroppedBytes: number;
}

/** What came with an answer; `undefined` when the guest wrote nothing. @internal */
export function outputOfReply({ message, attached }: Reply): GuestOutput | undefined {
  if (message.output === undefined) return undefined;
  const { stdoutBytes, stdoutDroppedBytes, stderrDroppedBytes } = message.output;
  // Copies: a view of a few bytes would keep the whole piece of the stream that they arrived in.
  return {
    stdout: new Uint8Array(attached.subarray(0, stdoutBytes)),
    stderr: new Uint8Array(attached.subarray(stdoutBytes)),
    stdoutDroppedBytes,
    stderrDroppedBytes,
  };
}
