import type { Clock } from './clock.ts';
import type { FleetReader } from './fleet-reader.ts';
import type { Judge } from './judge.ts';
import type { JournalStore } from './journal-store.ts';
import type { MetricsSource } from './metrics-source.ts';
import type { NodeSelector, NodeSelectorPlugin } from './node-selector.ts';
import type { Strategy } from './strategy.ts';
import type { TrafficRouter } from './traffic-router.ts';
import type { PauseAnswer } from '../effects/effect.ts';
import type {
  DeploymentId,
  DeploymentSpec,
  DeploymentStatus,
  DeploymentSummary,
  Instant,
  ReleaseId,
} from '../model/deployment.ts';
import type { NodeSet } from '../model/node-set.ts';
import type { Failpoint } from '../rollout/failpoint.ts';
import type { ChangeRules } from '../policy/change-rules.ts';
import type { BaselineGroup, DeploymentCommand, EntryHash, HoldReason } from '../rollout/journal-entry.ts';

/**
 * A deployment as its journal tells it, read fresh.
 * @public
 */
export interface Deployment {
  readonly spec: DeploymentSpec;
  readonly summary: DeploymentSummary;
  /** Hash of the frozen spec, which approvals are bound to. */
  readonly specHash: string;
  /** Hash of the last journal entry, e.g. for an ETag. */
  readonly head: EntryHash;
  /** Number of journal entries. */
  readonly entryCount: number;
  /** Node ids in rollout order; positions of node sets index this list. Empty before execute. */
  readonly targets: readonly string[];
  readonly regions: Readonly<Record<string, NodeSet>>;
  readonly baseline: readonly BaselineGroup[];
  /** Set while a person or the engine holds it. */
  readonly held?: { readonly why: HoldReason; readonly since: Instant; readonly detail: string };
  /** Answers that a strategy's own pause waits for; empty when none does. */
  readonly accepts: readonly PauseAnswer[];
  /** Commands that would not be refused now. */
  readonly allowed: readonly DeploymentCommand[];
}

/**
 * What one run of `advance` came to.
 * - `blocked`: waits for an event, and at the latest for `wakeAt`. The caller asks its `Scheduler` for that wake; the
 *   store has already done so where the run wrote something.
 * - `idle`: nothing is to be done until a command comes (Pending, or closed).
 * - `declined`: this process lacks a strategy version or an effect kind; another one may have it. Nothing was written about
 *   that step. At `wakeAt` any process pauses the deployment as stuck.
 * @public
 */
export type Advance =
  | { readonly kind: 'blocked'; readonly status: DeploymentStatus; readonly wakeAt?: Instant }
  | { readonly kind: 'idle'; readonly status: DeploymentStatus }
  | { readonly kind: 'declined'; readonly needs: string; readonly wakeAt?: Instant };

/** @public */
export interface CommandOptions {
  /** Shown in the journal and in `reason` of the summary. */
  readonly reason?: string;
  /** Refuses the command with HS_DEPLOYMENT_STEP_MOVED unless the running step has this number: for a late second click. */
  readonly ifStep?: number;
  /**
   * Refuses the command with HS_DEPLOYMENT_STALE unless the journal ends with the entry of this hash, when the command is
   * written: for whoever has decided by what they saw then.
   */
  readonly ifHead?: string;
  /** What an approver has looked at. Refuses `approve` with HS_DEPLOYMENT_APPROVAL_VOID when it is another one. */
  readonly releaseId?: ReleaseId;
  /** The same by the hash of the frozen spec. */
  readonly specHash?: string;
  /**
   * With `rollback`: a release of the module that takes over from the baseline once it is warm. Callers see to it that there is
   * such a release. Default: the baseline stays.
   */
  readonly toReleaseId?: ReleaseId;
  /** With `rollback` of a completed deployment: brings these regions back and leaves the others. Default: all. */
  readonly regions?: readonly string[];
  /** Role of the actor, for rules that name roles of approvers. Absent: whoever calls has checked it. */
  readonly actorRole?: string;
  /**
   * With `execute`: sets aside windows and freezes that would refuse it, and says why. Callers see to it that the actor may
   * do that. Default: they hold.
   */
  readonly overrideReason?: string;
  /**
   * With `execute`, or `resume` before it has begun, of one that goes back (`undoes`): something else has gone out, or back, since it was created, so windows
   * and freezes hold it like any other. Default `false`.
   */
  readonly isOvertaken?: boolean;
  /** With `execute`: windows and freezes were looked at before, for the train that it is part of. Default `false`. */
  readonly isAdmitted?: boolean;
}

/**
 * Runs rollouts. All state is in the journal: any number of engines, in one process or many, may work on one deployment;
 * at most one of them gets to write each entry.
 * @public
 */
export interface RolloutEngine {
  /**
   * Opens a deployment in status Pending.
   * @throws HS_STRATEGY_UNKNOWN
   * @throws HS_DEPLOYMENT_UNKNOWN_SOURCE when a trigger asks a source that this engine was not given
   * @throws HS_DEPLOYMENT_CANNOT_MIRROR when requests shall be mirrored and the router cannot do that
   * @throws HS_DEPLOYMENT_EXISTS, HS_DEPLOYMENT_ACTIVE from the store
   */
  create(spec: DeploymentSpec, actor: string): Promise<Deployment>;
  /**
   * Carries out what a person wants, in one append; for `rollback` and `abort` that append holds the restored desired
   * state. Call `advance` (or nudge the loop) afterwards to go on at once; a wake is scheduled in any case. Commands that
   * have nothing to change any more (`execute` twice, `pause` when paused by a person) answer with the deployment as it is.
   * @throws HS_DEPLOYMENT_NOT_FOUND
   * @throws HS_DEPLOYMENT_COMMAND_REFUSED by the table of commands and states
   * @throws HS_DEPLOYMENT_STEP_MOVED with `ifStep`, HS_DEPLOYMENT_STALE with `ifHead`
   * @throws HS_AUTH_SELF_APPROVAL from `approve`, and from `execute` without an approval, when the actor is the author of a
   * deployment that needs one; HS_DEPLOYMENT_APPROVAL_EXPIRED, HS_DEPLOYMENT_APPROVAL_VOID
   * @throws HS_AUTH_NOT_APPROVER from the same when the rule of the deployment names others, and
   * HS_DEPLOYMENT_APPROVALS_MISSING from `execute` while more than the actor's own is missing
   * @throws HS_DEPLOYMENT_FROZEN, HS_DEPLOYMENT_OUTSIDE_WINDOW from `execute`, and from whatever else begins a rollout anew,
   * unless it goes back
   * @throws HS_SELECT_UNKNOWN_REGION from `rollback` for a region that the deployment has no nodes in
   * @throws HS_DEPLOYMENT_NO_TARGETS from `execute` when no node can take the module
   * @throws HS_DEPLOYMENT_ACTIVE from `execute` when another deployment is at work on the same nodes
   */
  command(
    tenant: string,
    deploymentId: DeploymentId,
    command: DeploymentCommand,
    actor: string,
    options?: CommandOptions,
  ): Promise<Deployment>;
  /**
   * Catches up, decides, appends, until the deployment is blocked. Safe to call at any time, twice, and anywhere.
   * @throws HS_DEPLOYMENT_NOT_FOUND
   * @throws HS_JOURNAL_CORRUPT, HS_JOURNAL_UNKNOWN_ENTRY
   */
  advance(tenant: string, deploymentId: DeploymentId): Promise<Advance>;
  /** @throws HS_DEPLOYMENT_NOT_FOUND */
  state(tenant: string, deploymentId: DeploymentId): Promise<Deployment>;
}

/**
 * What an engine is made of.
 * @public
 */
export interface RolloutEngineOptions {
  readonly journal: JournalStore;
  readonly fleet: FleetReader;
  readonly metrics: MetricsSource;
  readonly clock: Clock;
  readonly router: TrafficRouter;
  /** Every version that rollouts may still run on. New rollouts take the highest version of a name. */
  readonly strategies: readonly Strategy<unknown>[];
  /** Default `allReachableNodes`. */
  readonly selector?: NodeSelector;
  /** Selectors that deployments may name (`spec.nodeSelector`). Default none. */
  readonly selectors?: readonly NodeSelectorPlugin<unknown>[];
  /** Further sources by the name that triggers use. `hotswap` is `metrics`. Default none. */
  readonly metricsSources?: Readonly<Record<string, MetricsSource>>;
  /** Methods of `judge` by name; laid over the built-in `sequential` and `welch`. */
  readonly judges?: Readonly<Record<string, Judge>>;
  /** Called with the names in `engineFailpoints`; tests throw from it or end the process. Default: does nothing. */
  readonly failpoint?: Failpoint;
  /** Actor of the entries that the engine decides by itself, e.g. `engine:server-1`. */
  readonly engineId: string;
  /** Time between two readings of the triggers while traffic is on the new release. Default 5,000. */
  readonly triggerIntervalMs?: number;
  /** Time after which a Pending deployment is cancelled and its claim on the module ends. Default 24 hours. */
  readonly pendingExpiryMs?: number;
  /** Time in which an approval has to be used. Default one hour. */
  readonly approvalExpiryMs?: number;
  /**
   * When deployments of a tenant may begin; asked at each execution. `null`, and the default: at any time. The clock that
   * decides is the engine's.
   */
  readonly changeRules?: (tenant: string) => Promise<ChangeRules | null>;
}

/** Type of `createRolloutEngine`. @public */
export type RolloutEngineFactory = (options: RolloutEngineOptions) => RolloutEngine;
