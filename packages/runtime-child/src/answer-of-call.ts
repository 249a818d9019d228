import type { CallCounters } from './call-counters.ts';
import type { Reply } from './child-messages.ts';
import type { EngineLaunch } from './engine-launch.ts';
import { errorOfFailure } from './error-of-failure.ts';
import { failureWithOutput } from './failure-with-output.ts';
import { type GuestOutput, outputOfReply } from './guest-output.ts';
import type { PendingCall } from './pending-call.ts';

/** What the answers of a module's calls are made with. @internal */
export interface AnswerParts {
  readonly counters: CallCounters;
  readonly launch: EngineLaunch;
  /** Of what a guest wrote, what its failure may show. */
  readonly keep: (output: GuestOutput) => GuestOutput;
}

/**
 * Waits for the answer of a child. A failure has what the guest had written with it, whatever ended the call.
 * @internal
 */
export async function answerOfCall(call: PendingCall, { counters, launch, keep }: AnswerParts): Promise<Reply> {
  let reply: Reply;
  try {
    reply = await call.settled;
  } catch (error) {
    throw failureWithOutput(error, call.leftBehind && keep(call.leftBehind));
  }
  const { failure, usage } = reply.message;
  counters.add(usage);
  if (failure === undefined) return reply;
  const output = outputOfReply(reply);
  throw failureWithOutput(errorOfFailure(failure, launch), output && keep(output));
}
