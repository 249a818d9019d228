import type { GivenApproval, Json } from '@hotswap/core';
import type {
  ApprovalView,
  DeploymentNodeView,
  DeploymentView,
  MirroredView,
  OutstandingNodeView,
} from '@hotswap/protocol';
import type { OutstandingNode } from '../ports/catch-ups.ts';
import type { DeploymentNode, DeploymentRecord } from '../ports/deployment-list.ts';
import { entityTag } from '../http/entity-tag.ts';

const timeText = (instant: number): string => new Date(instant).toISOString();

/** @internal */
export function toDeploymentView(
  record: DeploymentRecord,
  nodes?: readonly DeploymentNode[],
  outstanding: readonly OutstandingNode[] = [],
): DeploymentView {
  const { spec, summary } = record;
  const { running, retainedUntil, executedAt, endedAt, stage, reason, verdict } = summary;
  return {
    deploymentId: spec.deploymentId,
    moduleId: spec.moduleId,
    moduleName: spec.moduleName,
    releaseId: spec.releaseId,
    previousModuleId: record.previousModuleId,
    previousReleaseId: record.previousReleaseId,
    strategy: spec.strategy,
    strategyConfig: spec.config satisfies Json,
    targetRegions: spec.regions,
    status: summary.status,
    progressPercent: summary.progressPercent,
    ...(stage === undefined ? {} : { stage }),
    ...(reason === undefined ? {} : { reason }),
    ...(verdict === undefined ? {} : { verdict }),
    ...(retainedUntil === undefined ? {} : { retainedUntil: timeText(retainedUntil) }),
    ...(running === undefined
      ? {}
      : { running: { step: running.step, kind: running.kind, since: timeText(running.since) } }),
    ...(record.mirrored === null ? {} : { mirrored: toMirroredView(record.mirrored) }),
    stuck: record.stuck,
    healthCheck: spec.healthCheck,
    autoRollback: spec.autoRollback,
    progressDeadline: spec.progressDeadline,
    retention: spec.retention,
    ...(spec.trainId === undefined ? {} : { trainId: spec.trainId }),
    requireApproval: spec.requireApproval ?? false,
    ...(summary.approval === undefined ? {} : { approval: toApprovalView(summary.approval) }),
    ...(spec.approvals === undefined
      ? {}
      : { approvals: { ...spec.approvals, given: (summary.approvals ?? []).map(toApprovalView) } }),
    ...(spec.undoes === undefined ? {} : { undoes: spec.undoes }),
    createdBy: spec.author,
    createdAt: timeText(record.createdAt),
    ...(executedAt === undefined ? {} : { executedAt: timeText(executedAt) }),
    ...(endedAt === undefined ? {} : { endedAt: timeText(endedAt) }),
    ...(nodes === undefined ? {} : { nodes: nodes.map(toNodeView) }),
    ...(outstanding.length === 0 ? {} : { outstanding: outstanding.map(toOutstandingView) }),
  };
}

const toMirroredView = (tally: NonNullable<DeploymentRecord['mirrored']>): MirroredView => ({
  copied: tally.equal + tally.different + tally.failed,
  ...tally,
});

const toApprovalView = ({ by, at, expiresAt }: GivenApproval): ApprovalView => ({
  by,
  at: timeText(at),
  expiresAt: timeText(expiresAt),
});

function toOutstandingView({
  nodeId,
  region,
  isReachable,
  hasBegun,
  state,
  error,
}: OutstandingNode): OutstandingNodeView {
  return {
    nodeId,
    region,
    state: !isReachable ? 'offline' : state === 'failed' ? 'failed' : hasBegun ? 'loading' : 'waiting',
    ...(error === null ? {} : { error }),
  };
}

/** Changes with every journal entry. @internal */
export function deploymentTag(record: DeploymentRecord): string {
  return entityTag(record.head);
}

function toNodeView({
  nodeId,
  position,
  region,
  outcome,
  state,
  weight,
  error,
  health,
}: DeploymentNode): DeploymentNodeView {
  return {
    nodeId,
    position,
    region: region ?? 'unknown',
    outcome,
    state,
    weight,
    ...(error === null ? {} : { error }),
    ...(health === null ? {} : { health }),
  };
}
