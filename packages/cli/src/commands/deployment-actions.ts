import type { Command } from 'commander';
import type { DeploymentClient } from '@hotswap/protocol';
import type { CommandSession, SessionOf } from '../command-session.ts';
import { cliError } from '../error-codes.ts';
import { overrideOf, positiveNumber } from '../option-values.ts';
import { showDeployment, watchDeployment } from '../watch-deployment.ts';
import { findTrain, showTrain, watchTrain } from '../watch-train.ts';

type Action = keyof Pick<
  DeploymentClient,
  'approve' | 'reject' | 'pause' | 'resume' | 'promote' | 'retry' | 'abort' | 'rollback'
>;

/** What people can tell a running deployment, in the words of the help. */
const actions: Readonly<Record<Action, string>> = {
  approve: 'allow one execution of what somebody else has created',
  reject: 'refuse what somebody else has created; it ends as Cancelled',
  pause: 'stop issuing nodes and stop the clocks; triggers stay live',
  resume: 'end a pause, or go on after a failed batch',
  promote: 'answer a waiting stage, or end a running wait',
  retry: 'try a failed batch again',
  abort: 'give up: bring everything back and end as Cancelled',
  rollback: 'bring back what was there before; also from Completed while it is retained',
};

interface ActionOptions {
  readonly reason?: string;
  readonly ifStep?: string;
  readonly watch?: boolean;
  readonly timeout?: number;
}

interface ExecuteOptions extends Pick<ActionOptions, 'watch' | 'timeout'> {
  readonly override?: string;
}

/** One command for each action; they differ in name only. @internal */
export function addDeploymentActionCommands(program: Command, sessionOf: SessionOf): void {
  addExecuteCommand(program, sessionOf);
  for (const [action, description] of Object.entries(actions) as [Action, string][]) {
    program
      .command(action)
      .description(description)
      .argument('<deploymentId>')
      .option('-r, --reason <text>', 'kept in the journal')
      .option('--if-step <n>', 'only if the rollout is still at this step')
      .option('-w, --watch', 'follow it to its end')
      .option('--timeout <seconds>', 'give up watching after', positiveNumber)
      .action(async (deploymentId: string, options: ActionOptions) => {
        const session = sessionOf();
        const client = await session.client();
        if ((await findTrain(client, deploymentId)) !== null) return actOnTrain(session, action, deploymentId, options);
        const request = {
          ...(options.reason === undefined ? {} : { reason: options.reason }),
          ...(options.ifStep === undefined ? {} : { ifStep: Number(options.ifStep) }),
        };
        const deployment = await client.deployments[action](deploymentId, request, { signal: session.signal });
        if (options.watch === true) {
          await watchDeployment(
            session,
            deploymentId,
            options.timeout === undefined ? {} : { timeoutSeconds: options.timeout },
          );
          return;
        }
        showDeployment(session, deployment);
      });
  }
}

async function actOnTrain(
  session: CommandSession,
  action: Action,
  trainId: string,
  { reason, watch, timeout }: ActionOptions,
): Promise<void> {
  if (action === 'approve') return approveTrain(session, trainId, reason);
  if (action !== 'abort' && action !== 'rollback')
    throw cliError('HS_CLI_INVALID_OPTION', {
      option: `${action} ${trainId}`,
      why: `${trainId} is a train, and ${action} is for its members: hotswap status ${trainId} names them`,
    });
  const { trains } = await session.client();
  const train = await trains[action](trainId, reason === undefined ? {} : { reason }, { signal: session.signal });
  if (watch === true) return watchTrain(session, trainId, timeout);
  showTrain(session, train);
}

/** Each member is a deployment of its own, with approvals of its own. */
async function approveTrain(session: CommandSession, trainId: string, reason: string | undefined): Promise<void> {
  const client = await session.client();
  const { members } = await client.trains.get(trainId);
  for (const { deploymentId, deployment } of members)
    if (deployment?.status === 'PendingApproval')
      await client.deployments.approve(deploymentId, reason === undefined ? {} : { reason }, {
        signal: session.signal,
      });
  showTrain(session, await client.trains.get(trainId));
}

/** What `deploy` does by itself, for what was only created, or had to be approved first. */
function addExecuteCommand(program: Command, sessionOf: SessionOf): void {
  program
    .command('execute')
    .description('begin a deployment or a train that was created, or approved')
    .argument('<id>')
    .option('--override <reason>', 'begin in a freeze or outside of the change windows: an emergency, kept on record')
    .option('-w, --watch', 'follow it to its end')
    .option('--timeout <seconds>', 'give up watching after', positiveNumber)
    .action(async (id: string, { override, watch, timeout }: ExecuteOptions) => {
      const session = sessionOf();
      const client = await session.client();
      const request = overrideOf(override);
      if ((await findTrain(client, id)) !== null) {
        const train = await client.trains.execute(id, request, { signal: session.signal });
        if (watch === true) await watchTrain(session, id, timeout);
        else showTrain(session, train);
        return;
      }
      const deployment = await client.deployments.execute(id, request, { signal: session.signal });
      if (watch === true) await watchDeployment(session, id, timeout === undefined ? {} : { timeoutSeconds: timeout });
      else showDeployment(session, deployment);
    });
}
