import { finalStatuses, type DeploymentEvent, type DeploymentView } from '@hotswap/protocol';
import type { CommandSession } from './command-session.ts';
import { cliError } from './error-codes.ts';
import { exitCodeOfStatus } from './exit-codes.ts';
import { approvalHint, deploymentText, pausedHint, progressBar, statusText } from './output/deployment-text.ts';
import { oneLine } from './output/one-line.ts';

/** What timers can wait for at most, some 24 days. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Follows a deployment until it is over or waits for a person, then shows it and sets the exit code by its status.
 * @throws HS_CLI_TIMEOUT when it is not over in time; the deployment goes on.
 * @internal
 */
export async function watchDeployment(
  session: CommandSession,
  deploymentId: string,
  options: { readonly timeoutSeconds?: number; readonly afterSeq?: number } = {},
): Promise<void> {
  const { timeoutSeconds } = options;
  const timeout =
    timeoutSeconds === undefined ? undefined : AbortSignal.timeout(Math.min(timeoutSeconds * 1_000, longestTimerMs));
  const signal = timeout ? AbortSignal.any([timeout, session.signal]) : session.signal;
  let isDone = false;
  const client = await session.client();
  const after = options.afterSeq === undefined ? {} : { afterSeq: options.afterSeq };
  try {
    for await (const event of client.deployments.watch(deploymentId, { signal, ...after })) {
      show(session, event);
      isDone = event.kind === 'status' && isOver(event.deployment);
      if (isDone) break;
    }
  } finally {
    session.terminal.done();
  }
  // A stream ends without a word when its signal does.
  if (session.signal.aborted) {
    session.terminal.say(`deployment ${deploymentId} goes on without being watched`);
    session.signal.throwIfAborted();
  }
  if (timeout?.aborted === true && !isDone)
    throw cliError('HS_CLI_TIMEOUT', { what: `Deployment ${deploymentId}`, seconds: timeoutSeconds, id: deploymentId });
  const ended = await client.deployments.get(deploymentId);
  showDeployment(session, ended, '\n');
  session.setExitCode(exitCodeOfStatus(ended.status));
}

/** Shows how a deployment stands, and tells whoever it waits for what they can do. @internal */
export function showDeployment({ terminal }: CommandSession, deployment: DeploymentView, before = ''): void {
  terminal.result(
    deployment,
    (view) => `${before}${deploymentText(terminal, view)}`,
    (view) => view.deploymentId,
  );
  if (deployment.status === 'Paused') terminal.say(pausedHint(deployment));
  if (deployment.status === 'PendingApproval') terminal.say(approvalHint(deployment));
}

/** Over, or waiting for a person who would not come while somebody watches. */
function isOver(deployment: DeploymentView): boolean {
  return (
    finalStatuses.includes(deployment.status) ||
    deployment.status === 'Paused' ||
    deployment.status === 'PendingApproval'
  );
}

function show(session: CommandSession, event: DeploymentEvent): void {
  const { terminal } = session;
  if (event.kind === 'entry') {
    terminal.event(event, `${event.entry.at.slice(11, 19)}  ${oneLine(event.entry.explanation)}`);
  } else if (event.kind === 'status') {
    const { deployment } = event;
    terminal.event(event, undefined);
    terminal.live(
      `${progressBar(deployment.progressPercent, 30)} ${String(deployment.progressPercent)} %  ${statusText(terminal, deployment)} ${deployment.stage ?? ''}`,
    );
  } else {
    terminal.event(event, undefined);
  }
}
