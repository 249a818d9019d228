import { finalStatuses, type DeploymentEvent, type DeploymentView } from '@hotswap/protocol';
import type { CommandSession } from './command-session.ts';
import { cliError } from './error-codes.ts';
import { deploymentText, progressBar, statusText } from './output/deployment-text.ts';
import { exitCodeOfStatus } from './exit-codes.ts';

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
  const timeout =
    options.timeoutSeconds === undefined ? undefined : AbortSignal.timeout(options.timeoutSeconds * 1_000);
  const signal = timeout ? AbortSignal.any([timeout, session.signal]) : session.signal;
  let last: DeploymentView | undefined;
  try {
    const client = await session.client();
    const after = options.afterSeq === undefined ? {} : { afterSeq: options.afterSeq };
    for await (const event of client.deployments.watch(deploymentId, { signal, ...after })) {
      show(session, event);
      if (event.kind !== 'status') continue;
      last = event.deployment;
      if (isOver(last)) break;
    }
  } catch (error) {
    if (timeout?.aborted === true) {
      session.terminal.done();
      throw cliError(
        'HS_CLI_TIMEOUT',
        { what: `Deployment ${deploymentId}`, seconds: options.timeoutSeconds, id: deploymentId },
        error,
      );
    }
    throw error;
  }
  const client = await session.client();
  const ended = await client.deployments.get(deploymentId);
  session.terminal.result(
    ended,
    (deployment) => `\n${deploymentText(session.terminal, deployment)}`,
    (deployment) => deployment.deploymentId,
  );
  session.setExitCode(exitCodeOfStatus(ended.status));
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
    terminal.event(event, `${event.entry.at.slice(11, 19)}  ${event.entry.explanation}`);
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
