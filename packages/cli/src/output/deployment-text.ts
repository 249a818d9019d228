import type { DeploymentView } from '@hotswap/protocol';
import { fields, table } from './table.ts';
import type { Colour, Terminal } from './terminal.ts';

const colours: Readonly<Record<DeploymentView['status'], Colour>> = {
  Pending: 'dim',
  PendingApproval: 'yellow',
  InProgress: 'bold',
  Paused: 'yellow',
  RollingBack: 'yellow',
  RolledBack: 'red',
  Completed: 'green',
  PartiallyCompleted: 'yellow',
  Failed: 'red',
  Cancelled: 'red',
};

/** A status with its colour; the word alone carries the meaning. @internal */
export function statusText(terminal: Terminal, deployment: Pick<DeploymentView, 'status' | 'stuck'>): string {
  return terminal.paint(colours[deployment.status], deployment.status) + (deployment.stuck ? ' (stuck)' : '');
}

/** A deployment with its nodes, for people. @internal */
export function deploymentText(terminal: Terminal, deployment: DeploymentView): string {
  const head = fields([
    ['deployment', deployment.deploymentId],
    ['module', `${deployment.moduleId} (${deployment.releaseId})`],
    ['replaces', deployment.previousModuleId ?? undefined],
    ['strategy', deployment.strategy],
    ['status', statusText(terminal, deployment)],
    ['progress', `${progressBar(deployment.progressPercent, 20)} ${String(deployment.progressPercent)} %`],
    ['stage', deployment.stage],
    [
      'running',
      deployment.running &&
        `${deployment.running.kind} (step ${String(deployment.running.step)}) since ${deployment.running.since}`,
    ],
    ['copies', copiesText(deployment)],
    ['reason', deployment.reason],
    ['verdict', deployment.verdict],
    ['rollback until', deployment.retainedUntil],
    ['approvals', approvalsText(deployment)],
    ['goes back from', deployment.undoes],
  ]);
  const nodes = deployment.nodes ?? [];
  if (nodes.length === 0) return head;
  const rows = nodes.map((node) => [
    node.nodeId,
    node.region,
    node.outcome,
    node.state,
    node.health ?? '-',
    node.error?.message ?? '',
  ]);
  return `${head}\n\n${table(['NODE', 'REGION', 'OUTCOME', 'MODULE', 'HEALTH', ''], rows)}`;
}

const copiesText = ({ mirrored }: DeploymentView): string | undefined =>
  mirrored &&
  `${String(mirrored.copied)} answered: ${String(mirrored.equal)} equal, ${String(mirrored.different)} different, ${String(mirrored.failed)} failed; ${String(mirrored.skipped)} not compared`;

/** What a deployment waits for that has to be approved. @internal */
export function approvalHint({ deploymentId, approvals }: DeploymentView): string {
  const needed =
    approvals === undefined
      ? "somebody else's approval"
      : approvals.required === 1
        ? 'an approval'
        : `${String(approvals.required)} approvals`;
  return `it needs ${needed}: hotswap approve ${deploymentId}`;
}

/** What people can say to a deployment that waits for them. @internal */
export function pausedHint({ deploymentId }: Pick<DeploymentView, 'deploymentId'>): string {
  return `it waits for a person: hotswap why ${deploymentId} tells for what; resume, promote or retry it, or rollback`;
}

function approvalsText({ approvals }: DeploymentView): string | undefined {
  if (approvals === undefined) return undefined;
  const { required, given } = approvals;
  const by = given.length === 0 ? '' : ` (${given.map((one) => one.by).join(', ')})`;
  return `${String(given.length)} of ${String(required)}${by}`;
}

/** `[#####-----]`: ASCII, so that it reads the same everywhere. @internal */
export function progressBar(percent: number, width: number): string {
  const filled = Math.round((Math.min(100, Math.max(0, percent)) / 100) * width);
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`;
}
