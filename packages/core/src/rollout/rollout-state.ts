import type { Outcome } from '../contracts/strategy.ts';
import type { EffectInput } from '../effects/effect.ts';
import { hotSwapError } from '../errors/hotswap-error.ts';
import type { DeploymentSpec, DeploymentStatus, GivenApproval, Instant, ReleaseId } from '../model/deployment.ts';
import { durationMs } from '../model/duration.ts';
import type { Json } from '../model/json.ts';
import { nodeCount, subtractNodes, unionNodes, type NodeSet } from '../model/node-set.ts';
import { requiredApprovals } from '../policy/approval-rule.ts';
import { isAtWork } from './goes-on-held.ts';
import type { BaselineGroup, EngineEffect, HoldReason, JournalEvent, JournalPosition } from './journal-entry.ts';

/** An entry before its place in the hash chain is known. @internal */
export type UnchainedEntry = JournalEvent & Pick<JournalPosition, 'seq' | 'at' | 'actor'>;

/** What `executed` froze. @internal */
export interface FrozenRollout {
  readonly strategyVersions: Readonly<Record<string, number>>;
  readonly effectSetVersion: number;
  readonly targets: readonly string[];
  readonly regions: Readonly<Record<string, NodeSet>>;
  readonly baseline: readonly BaselineGroup[];
  readonly routerSpansNodes: boolean;
  readonly epoch: number;
  readonly at: Instant;
}

/** The effect that has begun and not ended. @internal */
export interface RunningStep {
  readonly step: number;
  readonly effect: EngineEffect;
  readonly since: Instant;
  /** Time of the last `moved`, or of `began`. */
  readonly movedAt: Instant;
  readonly cursor: number;
  /** Time that the step spent held, since `began` and since the last move. */
  readonly heldMs: number;
  readonly heldSinceMoveMs: number;
  /** A person has resumed it after a hold for want of data: it may end without. Absent: no. */
  readonly excused?: true;
}

/** @internal */
export interface Hold {
  readonly why: HoldReason;
  readonly since: Instant;
  readonly detail: string;
}

/** An approval that can be, or has been, used for one execution. @internal */
export interface Approval extends GivenApproval {
  readonly specHash: string;
}

/** A rollback of some nodes out of a retention that goes on for the others. @internal */
export interface PartialRollback {
  readonly nodes: NodeSet;
  /** Nodes that did not keep the release before. */
  readonly failed: NodeSet;
  readonly retainedUntil: Instant;
}

/** Traffic that a part of the rollout has moved, and since when samples count for its triggers. @internal */
export interface MovedTraffic {
  /** Targets of that part: its scope, or all. */
  readonly nodes: NodeSet;
  readonly since: Instant;
}

/**
 * Everything the engine knows about a deployment: a function of its journal and of nothing else. Past steps are not
 * part of it; the replay keeps them.
 * @internal
 */
export interface RolloutState {
  /** Number of entries folded, which is the next entry's sequence number. */
  readonly seq: number;
  readonly at: Instant;
  readonly phase: 'absent' | 'pending' | 'rollout' | 'rollback' | 'retention' | 'closed';
  readonly status: DeploymentStatus;
  readonly spec: DeploymentSpec | null;
  readonly specHash: string | null;
  /** One of each approver, the oldest first. */
  readonly approvals: readonly Approval[];
  readonly frozen: FrozenRollout | null;
  readonly progressPercent: number;
  readonly stage: string | null;
  readonly reason: string | null;
  readonly nextStep: number;
  readonly running: RunningStep | null;
  readonly held: Hold | null;
  /** When the last hold ended; a stuck clock starts anew there. */
  readonly freedAt: Instant;
  /** Whether any node or route may differ from before execute, by more than `beside` says. */
  readonly changed: boolean;
  /** Nodes by release that they got beside what was there and have not lost again, as the copy that a mirror asks. */
  readonly beside: Readonly<Record<ReleaseId, NodeSet>>;
  /** Nodes that were told to have the release and not to lose it since. */
  readonly deployed: NodeSet;
  readonly traffic: readonly MovedTraffic[];
  /** Nodes on which, or beside which, both versions have served. */
  readonly shared: NodeSet;
  /** Those of them that the release has taken over whole: there the old version serves nobody any more. */
  readonly takenOver: NodeSet;
  /** Status that a rollback ends with when it goes well. */
  readonly rollbackEnd: 'RolledBack' | 'Cancelled' | 'Failed';
  /** Set while only some nodes are being brought back. */
  readonly partial: PartialRollback | null;
  readonly outcome: Outcome | null;
  /** Retentions still to run, the earliest first, each `forMs` after the end of the one before. */
  readonly retentions: readonly { readonly forMs: number; readonly retire: NodeSet }[];
  readonly retainedUntil: Instant | null;
  readonly endedAt: Instant | null;
}

/** State of a journal without entries. @internal */
export const absentState: RolloutState = {
  seq: 0,
  at: 0,
  phase: 'absent',
  status: 'Pending',
  spec: null,
  specHash: null,
  approvals: [],
  frozen: null,
  progressPercent: 0,
  stage: null,
  reason: null,
  nextStep: 0,
  running: null,
  held: null,
  freedAt: 0,
  changed: false,
  beside: {},
  deployed: [],
  traffic: [],
  shared: [],
  takenOver: [],
  rollbackEnd: 'RolledBack',
  partial: null,
  outcome: null,
  retentions: [],
  retainedUntil: null,
  endedAt: null,
};

type Fold<T extends JournalEvent['type']> = (
  state: RolloutState,
  entry: Extract<UnchainedEntry, { type: T }>,
) => Partial<RolloutState>;

/** All targets of an executed deployment. @internal */
export function allTargets(state: RolloutState): NodeSet {
  const size = state.frozen?.targets.length ?? 0;
  return size === 0 ? [] : [[0, size]];
}

const folds: { readonly [T in JournalEvent['type']]: Fold<T> } = {
  created: (_, entry) => ({
    phase: 'pending',
    status: entry.spec.requireApproval === true ? 'PendingApproval' : 'Pending',
    spec: entry.spec,
    specHash: entry.specHash,
  }),
  approved: (state, { by, specHash, at, expiresAt }) =>
    approvedBy(state, [...withoutApproval(state, by), { by, specHash, at, expiresAt }]),
  rejected: (_, { by, reason }) => ({
    reason: reason === undefined ? `Rejected by ${by}` : `Rejected by ${by}: ${reason}`,
  }),
  lapsed: (state, { by }) => approvedBy(state, withoutApproval(state, by)),
  executed: (_, { type: _type, seq: _seq, actor: _actor, ...frozen }) => ({
    phase: 'rollout',
    status: 'InProgress',
    frozen,
    held: null,
    reason: null,
  }),
  began: (state, entry) => ({
    running: {
      step: entry.step,
      effect: entry.effect,
      since: entry.at,
      movedAt: entry.at,
      cursor: 0,
      heldMs: 0,
      heldSinceMoveMs: 0,
    },
    nextStep: entry.step + 1,
    ...beginEffect(state, entry.effect),
  }),
  moved: (state, entry) => ({
    running: state.running && { ...state.running, cursor: entry.cursor, movedAt: entry.at, heldSinceMoveMs: 0 },
  }),
  ended: (state, entry) => ({ running: null, ...(state.running ? endEffect(state, state.running.effect, entry) : {}) }),
  command: () => ({}),
  held: (_, entry) => ({
    held: { why: entry.why, since: entry.at, detail: entry.detail },
    status: 'Paused',
    reason: entry.detail,
  }),
  freed: (state, entry) => free(state, entry.at),
  turned: (state, entry) => (entry.to === 'rollback' ? turnBack(state, entry) : retain(state, entry)),
  closed: (state, entry) => ({
    phase: 'closed',
    status: entry.status,
    running: null,
    held: null,
    endedAt: state.endedAt ?? entry.at,
    retainedUntil: null,
    reason: entry.reason ?? state.reason,
  }),
};

const withoutApproval = ({ approvals }: RolloutState, by: string): readonly Approval[] =>
  approvals.filter((approval) => approval.by !== by);

function approvedBy({ spec }: RolloutState, approvals: readonly Approval[]): Partial<RolloutState> {
  const isEnough = spec !== null && approvals.length >= requiredApprovals(spec);
  return { status: isEnough ? 'Pending' : 'PendingApproval', approvals };
}

function beginEffect(state: RolloutState, effect: EngineEffect): Partial<RolloutState> {
  switch (effect.kind) {
    case 'deploy':
      return deployNodes(state, effect.input);
    case 'shiftTraffic':
      return { changed: true };
    case 'retire':
      return retireNodes(state, effect.input);
    case 'pause':
      return { status: 'Paused', reason: effect.input.reason };
    default:
      return {};
  }
}

/** Whether anything has to be brought back. @internal */
export const hasChanged = ({ changed, beside }: RolloutState): boolean => changed || Object.keys(beside).length > 0;

function deployNodes(state: RolloutState, { nodes, releaseId }: EffectInput<'deploy'>): Partial<RolloutState> {
  if (releaseId === undefined || releaseId === state.spec?.releaseId)
    return { changed: true, deployed: unionNodes(state.deployed, nodes) };
  const served = state.frozen?.baseline.some(({ releases }) => releases.some((one) => one.releaseId === releaseId));
  if (served === true) return { changed: true };
  return { beside: { ...state.beside, [releaseId]: unionNodes(state.beside[releaseId] ?? [], nodes) } };
}

/** What nodes got beside what was there, and lose again, leaves them as they were. */
function retireNodes(state: RolloutState, { nodes, releaseId = '' }: EffectInput<'retire'>): Partial<RolloutState> {
  const { [releaseId]: there = [], ...others } = state.beside;
  const left = subtractNodes(there, nodes);
  return {
    ...(nodeCount(subtractNodes(nodes, there)) > 0 ? { changed: true } : {}),
    beside: nodeCount(left) > 0 ? { ...others, [releaseId]: left } : others,
  };
}

function endEffect(
  state: RolloutState,
  effect: EngineEffect,
  entry: Extract<UnchainedEntry, { type: 'ended' }>,
): Partial<RolloutState> {
  switch (effect.kind) {
    case 'progress':
      return {
        progressPercent: Math.max(state.progressPercent, effect.input.percent),
        ...(effect.input.stage === undefined ? {} : { stage: effect.input.stage }),
      };
    case 'pause':
      return state.held ? {} : { status: 'InProgress', reason: null };
    case 'shiftTraffic':
      return entry.result.ok
        ? {
            traffic: moveTraffic(state.traffic, effect.scope ?? allTargets(state), entry.at),
            ...shareTraffic(state, effect.input),
          }
        : {};
    case 'restore':
      return entry.result.ok
        ? {
            deployed: subtractNodes(state.deployed, effect.input.nodes),
            beside: Object.fromEntries(
              Object.entries(state.beside)
                .map(([releaseId, nodes]) => [releaseId, subtractNodes(nodes, effect.input.nodes)] as const)
                .filter(([, nodes]) => nodeCount(nodes) > 0),
            ),
            traffic: withdrawTraffic(state.traffic, effect.input.nodes, entry.at),
            shared: subtractNodes(state.shared, effect.input.nodes),
            takenOver: subtractNodes(state.takenOver, effect.input.nodes),
          }
        : {};
    case 'retire':
      return effect.input.releaseId === undefined || effect.input.releaseId === state.spec?.releaseId
        ? { deployed: subtractNodes(state.deployed, effect.input.nodes) }
        : {};
    case 'retain':
      return { retentions: state.retentions.slice(1) };
    default:
      return {};
  }
}

const sameNodes = (a: NodeSet, b: NodeSet): boolean =>
  nodeCount(subtractNodes(a, b)) === 0 && nodeCount(subtractNodes(b, a)) === 0;

function moveTraffic(traffic: readonly MovedTraffic[], nodes: NodeSet, since: Instant): readonly MovedTraffic[] {
  return [...traffic.filter((moved) => !sameNodes(moved.nodes, nodes)), { nodes, since }];
}

function shareTraffic(
  { shared, takenOver }: RolloutState,
  { percent, among }: EffectInput<'shiftTraffic'>,
): Pick<RolloutState, 'shared' | 'takenOver'> {
  return percent < 100
    ? { shared: unionNodes(shared, among), takenOver: subtractNodes(takenOver, among) }
    : { shared, takenOver: unionNodes(takenOver, subtractNodes(among, subtractNodes(among, shared))) };
}

/** Samples from before a restore are of traffic that is no more: what is left of each part counts from here on. */
function withdrawTraffic(traffic: readonly MovedTraffic[], restored: NodeSet, at: Instant): readonly MovedTraffic[] {
  return traffic
    .filter((moved) => nodeCount(subtractNodes(moved.nodes, restored)) > 0)
    .map((moved) =>
      nodeCount(subtractNodes(moved.nodes, restored)) < nodeCount(moved.nodes) ? { ...moved, since: at } : moved,
    );
}

function free(state: RolloutState, at: Instant): Partial<RolloutState> {
  const { held, running } = state;
  const asking = running?.effect.kind === 'pause' ? running.effect.input.reason : null;
  const restartable = state.phase === 'pending' ? 'Pending' : 'InProgress';
  return {
    held: null,
    freedAt: at,
    status: asking === null ? restartable : 'Paused',
    reason: asking,
    running: running &&
      held && {
        ...running,
        ...(isAtWork(state)
          ? {}
          : {
              heldMs: running.heldMs + at - Math.max(held.since, running.since),
              heldSinceMoveMs: running.heldSinceMoveMs + at - Math.max(held.since, running.movedAt),
            }),
        ...(held.why === 'noData' ? { excused: true as const } : {}),
      },
  };
}

function turnBack(state: RolloutState, entry: Extract<UnchainedEntry, { type: 'turned' }>): Partial<RolloutState> {
  return {
    phase: 'rollback',
    status: 'RollingBack',
    running: null,
    held: null,
    reason: entry.reason,
    rollbackEnd: entry.then ?? 'RolledBack',
    partial: entry.nodes
      ? { nodes: entry.nodes, failed: state.outcome?.failed ?? [], retainedUntil: state.retainedUntil ?? entry.at }
      : null,
    outcome: null,
    retentions: [],
    retainedUntil: null,
    endedAt: null,
    traffic: [],
    shared: [],
    takenOver: [],
  };
}

function retain(state: RolloutState, entry: Extract<UnchainedEntry, { type: 'turned' }>): Partial<RolloutState> {
  const outcome: Outcome = entry.outcome ?? { status: 'Completed' };
  const usualMs = durationMs(state.spec?.retention ?? 'PT0S');
  const asked = (outcome.retain ?? [{ retire: allTargets(state) }])
    .map(({ forMs = usualMs, retire }) => ({ forMs, retire }))
    .sort((a, b) => a.forMs - b.forMs);
  const all = nodeCount(allTargets(state));
  return {
    phase: 'retention',
    partial: null,
    status: outcome.status === 'RolledBack' ? 'PartiallyCompleted' : outcome.status,
    outcome,
    running: null,
    held: null,
    reason: outcome.message ?? null,
    endedAt: entry.at,
    progressPercent:
      outcome.status === 'Completed'
        ? 100
        : Math.floor((100 * (all - nodeCount(outcome.failed ?? []))) / Math.max(1, all)),
    retentions: asked.map(({ forMs, retire }, i) => ({ forMs: forMs - (asked[i - 1]?.forMs ?? 0), retire })),
    retainedUntil: entry.at + Math.max(0, ...asked.map(({ forMs }) => forMs)),
  };
}

/**
 * The one fold: adds what an entry says to what is known. Pure; the state it is given stays as it was.
 * @throws HS_JOURNAL_UNKNOWN_ENTRY for a type that this version does not know: guessing could lose a command.
 * @throws HS_JOURNAL_CORRUPT when the entry is not the next one.
 * @internal
 */
export function apply(state: RolloutState, entry: UnchainedEntry): RolloutState {
  const deploymentId = state.spec?.deploymentId ?? 'the deployment';
  if (entry.seq !== state.seq)
    throw hotSwapError('HS_JOURNAL_CORRUPT', {
      deploymentId,
      seq: state.seq,
      why: `entry ${entry.seq} stands where ${state.seq} belongs`,
    });
  const fold = Object.hasOwn(folds, entry.type) ? (folds[entry.type] as Fold<typeof entry.type>) : undefined;
  if (!fold)
    throw hotSwapError('HS_JOURNAL_UNKNOWN_ENTRY', {
      deploymentId,
      seq: entry.seq,
      type: (entry as { type: Json }).type,
    });
  return { ...state, ...fold(state, entry), seq: entry.seq + 1, at: entry.at };
}

/** Active time of the running step and since its last move: clocks stand still while a hold stops the step. @internal */
export function activeTimes(
  state: RolloutState,
  now: Instant,
): { readonly activeMs: number; readonly sinceMoveMs: number } {
  const { running, held } = state;
  if (!running) return { activeMs: 0, sinceMoveMs: 0 };
  const until = held && !isAtWork(state) ? held.since : now;
  return {
    activeMs: Math.max(0, until - running.since - running.heldMs),
    sinceMoveMs: Math.max(0, until - running.movedAt - running.heldSinceMoveMs),
  };
}
