import { setTimeout } from 'node:timers/promises';
import { isHotSwapError } from '@hotswap/core';
import { finalStatuses, type HotSwapClient, type TrainView } from '@hotswap/protocol';
import type { CommandSession } from './command-session.ts';
import { cliError } from './error-codes.ts';
import { exitCodeOfStatus } from './exit-codes.ts';
import { pausedHint } from './output/deployment-text.ts';
import { trainText } from './output/train-text.ts';

const lookMs = 500;

/** The train of an id; `null`: it is no train's. Members are named after theirs, so that only the server can tell. @internal */
export async function findTrain(client: HotSwapClient, id: string): Promise<TrainView | null> {
  if (!id.startsWith('train-')) return null;
  try {
    return await client.trains.get(id);
  } catch (error) {
    if (isHotSwapError(error) && error.httpStatus === 404) return null;
    throw error;
  }
}

/**
 * Follows a train until it is over or waits for a person, then shows it and sets the exit code by its status.
 * @throws HS_CLI_TIMEOUT when it is not over in time; the train goes on.
 * @internal
 */
export async function watchTrain(session: CommandSession, trainId: string, timeoutSeconds?: number): Promise<void> {
  const client = await session.client();
  const until = timeoutSeconds === undefined ? Infinity : performance.now() + timeoutSeconds * 1_000;
  for (let told = ''; ;) {
    const train = await client.trains.get(trainId).catch((error: unknown) => {
      // A train goes on while its server is away, and so does who watches it; where nothing was ever heard it is an error.
      if (told === '' || !mayPass(error) || session.signal.aborted || performance.now() > until) throw error;
      return null;
    });
    if (train === null) {
      await setTimeout(lookMs, undefined, { signal: session.signal });
      continue;
    }
    const now = `${train.status}: ${train.members.map((member) => `${member.moduleId} ${member.deployment?.status ?? '-'}`).join(', ')}`;
    if (now !== told) session.terminal.say(now);
    told = now;
    if (finalStatuses.includes(train.status) || train.status === 'Paused' || train.status === 'PendingApproval') {
      showTrain(session, train);
      session.setExitCode(exitCodeOfStatus(train.status));
      return;
    }
    if (performance.now() > until)
      throw cliError('HS_CLI_TIMEOUT', { what: `Train ${trainId}`, seconds: timeoutSeconds, id: trainId });
    await setTimeout(lookMs, undefined, { signal: session.signal });
  }
}

function mayPass(error: unknown): boolean {
  return isHotSwapError(error) && (error.retryable || error.httpStatus >= 500);
}

/** @internal */
export function showTrain(session: CommandSession, train: TrainView): void {
  session.terminal.result(
    train,
    (view) => trainText(session.terminal, view),
    (view) => view.trainId,
  );
  if (train.status !== 'Paused') return;
  for (const { deploymentId, deployment } of train.members)
    if (deployment?.status === 'Paused') session.terminal.say(`${deploymentId}: ${pausedHint({ deploymentId })}`);
}
