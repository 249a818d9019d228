import type { Command } from 'commander';
import { isHotSwapError } from '@hotswap/core';
import type {
  CreateDeploymentRequest,
  DeploymentList,
  DeploymentListQuery,
  DeploymentView,
  HotSwapClient,
  ReleaseView,
} from '@hotswap/protocol';
import type { SessionOf } from '../command-session.ts';
import { cliError } from '../error-codes.ts';
import { exitCodes } from '../exit-codes.ts';
import { collect, positiveNumber } from '../option-values.ts';
import { showDeployment, watchDeployment } from '../watch-deployment.ts';
import { findTrain } from '../watch-train.ts';

interface UndoOptions {
  readonly to?: string;
  readonly reason?: string;
  readonly region?: readonly string[];
  readonly watch?: boolean;
  readonly timeout?: number;
}

/** `hotswap undo`: back to what served before, or to any release of the module. @internal */
export function addUndoCommand(program: Command, sessionOf: SessionOf): void {
  program
    .command('undo')
    .description('go back to what served before, or to a release of the module')
    .argument('<deployment|module>', 'id of a deployment, or name of a module: its latest deployment')
    .option('--to <release>', 'a release from `hotswap releases --module NAME`')
    .option('-r, --reason <text>', 'kept in the journal')
    .option('--region <region>', 'only this region of a completed deployment; repeatable', collect)
    .option('-w, --watch', 'follow it to its end')
    .option('--timeout <seconds>', 'give up watching after', positiveNumber)
    .action(async (subject: string, options: UndoOptions) => {
      const session = sessionOf();
      const client = await session.client();
      const undone = await undo(client, await latestOf(client, subject), options);
      if (undone.status === 'PendingApproval') {
        session.setExitCode(exitCodes.paused);
      } else if (options.watch === true) {
        const timeout = options.timeout === undefined ? {} : { timeoutSeconds: options.timeout };
        await watchDeployment(session, undone.deploymentId, timeout);
        return;
      }
      showDeployment(session, undone);
    });
}

/** The named deployment, or the latest of the named module that has changed anything. */
async function latestOf(client: HotSwapClient, subject: string): Promise<DeploymentView> {
  let cursor: string | null = null;
  do {
    const query: DeploymentListQuery = { moduleName: subject, limit: 200, ...(cursor === null ? {} : { cursor }) };
    const page: DeploymentList = await client.deployments.list(query).catch((error: unknown) => {
      // What can be no name of a module is an id; whatever else went wrong would be told as "there is no deployment".
      if (isHotSwapError(error) && error.httpStatus === 400) return { deployments: [], nextCursor: null };
      throw error;
    });
    const latest = page.deployments.find((one) => one.executedAt !== undefined && !isUndone(one));
    if (latest !== undefined) return latest;
    cursor = page.nextCursor;
  } while (cursor !== null);
  if ((await findTrain(client, subject)) === null)
    return client.deployments.get(subject).catch((error: unknown) => {
      throw isHotSwapError(error) && error.httpStatus === 404
        ? cliError('HS_CLI_NEVER_DEPLOYED', { subject }, error)
        : error;
    });
  throw cliError('HS_CLI_INVALID_OPTION', {
    option: `undo ${subject}`,
    why: `${subject} is a train: hotswap rollback ${subject} brings all of it back, hotswap undo MODULE one of its modules`,
  });
}

const isUndone = ({ status }: DeploymentView): boolean => status === 'RolledBack' || status === 'Cancelled';

/**
 * While a deployment runs, or what it replaced is warm, this is its rollback. Later the release is deployed again, to the
 * same regions, all at once.
 */
async function undo(client: HotSwapClient, latest: DeploymentView, options: UndoOptions): Promise<DeploymentView> {
  const canRollBack =
    ['InProgress', 'Paused', 'RollingBack'].includes(latest.status) ||
    latest.retainedUntil !== undefined ||
    (isUndone(latest) && options.to === undefined);
  const { deploymentId, moduleName } = latest;
  if (canRollBack)
    return client.deployments.rollback(deploymentId, {
      ...(options.reason === undefined ? {} : { reason: options.reason }),
      ...(options.to === undefined ? {} : { toReleaseId: options.to }),
      ...(options.region === undefined ? {} : { regions: options.region }),
    });
  const releaseId = options.to ?? latest.previousReleaseId;
  if (releaseId === null) throw cliError('HS_CLI_NOTHING_TO_UNDO', { deploymentId, moduleName });
  const created = await client.deployments.create(again(await client.releases.get(releaseId), latest, options));
  return created.status === 'PendingApproval' ? created : client.deployments.execute(created.deploymentId);
}

/** The same content is the same release, so this deploys exactly what there was. */
function again(release: ReleaseView, latest: DeploymentView, options: UndoOptions): CreateDeploymentRequest {
  const { moduleId, config, capabilities, resourceLimits, http, runtime, healthCheck } = release;
  const regions = options.region ?? latest.targetRegions;
  return {
    moduleId,
    strategy: 'AllAtOnce',
    undoes: latest.deploymentId,
    ...(regions === null ? {} : { targetRegions: regions }),
    release: { config, capabilities, resourceLimits, http, runtime, healthCheck },
  };
}
