import type { CreateTrainRequest } from '@hotswap/protocol';
import type { CommandSession } from './command-session.ts';
import { exitCodes } from './exit-codes.ts';
import { overrideOf } from './option-values.ts';
import { showTrain, watchTrain } from './watch-train.ts';

/** Creates a train, executes it unless it has to be approved first, and follows it when asked to. @internal */
export async function deployTrain(
  session: CommandSession,
  request: CreateTrainRequest,
  options: {
    readonly execute: boolean;
    readonly override?: string;
    readonly watch?: boolean;
    readonly timeout?: number;
  },
): Promise<void> {
  const client = await session.client();
  const created = await client.trains.create(request, { signal: session.signal });
  const { trainId } = created;
  if (created.status === 'PendingApproval') {
    const required = created.members[0]?.deployment?.approvals?.required ?? 1;
    session.terminal.say(
      required > 1
        ? `it needs ${String(required)} approvals: hotswap approve ${trainId}`
        : `somebody else has to execute it: hotswap execute ${trainId}`,
    );
    session.setExitCode(exitCodes.paused);
    showTrain(session, created);
    return;
  }
  const shown = options.execute
    ? await client.trains.execute(trainId, overrideOf(options.override), { signal: session.signal })
    : created;
  if (options.watch === true && options.execute) await watchTrain(session, trainId, options.timeout);
  else showTrain(session, shown);
}
