import type { AutoRollback } from './auto-rollback.ts';
import type { Duration } from './duration.ts';
import type { HealthCheck } from './health-check.ts';
import type { Json } from './json.ts';
import type { NamedSelector } from './named-selector.ts';
import type { ApprovalRule } from '../policy/approval-rule.ts';
import type { DeploymentTraffic } from './traffic-match.ts';

/** Id of a deployment, unique over all tenants of an installation, e.g. `deploy-123`. @public */
export type DeploymentId = string;
/** Id of a release: `rel-` and the first 16 hex digits of the SHA-256 of its frozen content. @public */
export type ReleaseId = string;
/** Unix time in milliseconds, as the database (or a virtual clock) tells it. @public */
export type Instant = number;

/** Every status that a deployment can have on the wire. @public */
export const deploymentStatuses = [
  'Pending',
  'PendingApproval',
  'InProgress',
  'Paused',
  'RollingBack',
  'RolledBack',
  'Completed',
  'PartiallyCompleted',
  'Failed',
  'Cancelled',
] as const;

/** @see {@link deploymentStatuses} @public */
export type DeploymentStatus = (typeof deploymentStatuses)[number];

/**
 * What is to be rolled out, where and how: frozen when the deployment is created, with every default filled in.
 * @public
 */
export interface DeploymentSpec {
  readonly tenant: string;
  readonly deploymentId: DeploymentId;
  readonly moduleName: string;
  readonly moduleId: string;
  readonly releaseId: ReleaseId;
  /** Name of the strategy on the wire, e.g. `Canary`. */
  readonly strategy: string;
  /** The strategy's configuration as its schema returned it. */
  readonly config: Json;
  /** Regions to take nodes from; `null` means all. */
  readonly regions: readonly string[] | null;
  /** Effective health check: strategy configuration over deployment over module (D-12). */
  readonly healthCheck: HealthCheck;
  readonly autoRollback: AutoRollback;
  /** Time without a journal entry, on top of configured waits, after which the deployment counts as stuck. */
  readonly progressDeadline: Duration;
  /** How long the replaced release stays warm after Completed, for a rollback without loading anything (D-2). */
  readonly retention: Duration;
  /** Release train that it is part of. */
  readonly trainId?: string;
  /** Principal that created the deployment. */
  readonly author: string;
  /** Whether somebody else than the author has to approve before it can be executed (D-3). Default `false`. */
  readonly requireApproval?: boolean;
  /** How many of whom have to approve, where `requireApproval` is set. Default: one admin who is not the author. */
  readonly approvals?: ApprovalRule;
  /**
   * Deployment that it goes back from, to a release that has served before. Windows and freezes of the tenant's policy do
   * not hold it up then. Default: it goes forward.
   */
  readonly undoes?: DeploymentId;
  /** Whether an admin has accepted that it breaks users of the version that serves. Default `false`. */
  readonly allowBreaking?: boolean;
  /** Selectors that choose and order the targets, in turn. Default: all that can take part, by region and id. */
  readonly nodeSelector?: readonly NamedSelector[];
  /**
   * Whether nodes that join later, or were away, are brought to the release once the deployment has ended well. Default
   * `catchUp`.
   */
  readonly joiners?: 'catchUp' | 'leave';
  /** Requests that get the release beside its share. Default none. */
  readonly traffic?: DeploymentTraffic;
}

/** An approval of one execution. @public */
export interface GivenApproval {
  readonly by: string;
  readonly at: Instant;
  /** From then on it does not count any more. */
  readonly expiresAt: Instant;
}

/**
 * What lists and status screens show of a deployment: a projection of its journal, written in the same transaction as
 * the entries that it follows from.
 * @public
 */
export interface DeploymentSummary {
  readonly status: DeploymentStatus;
  /** 0-100; never falls while InProgress. */
  readonly progressPercent: number;
  /** The strategy's own name for where it is, e.g. `25%`; absent before the first stage. */
  readonly stage?: string;
  /** Why it is paused, failed or was rolled back. */
  readonly reason?: string;
  readonly verdict?: 'A' | 'B' | 'Inconclusive';
  /** Number and kind of the effect that runs; absent when none runs. */
  readonly running?: {
    readonly step: number;
    readonly kind: string;
    readonly since: Instant;
  };
  /**
   * From then on it counts as stuck, unless its journal grows before; in the past once it was paused for that. Absent
   * while it waits for people, or is not rolling out.
   */
  readonly stuckAt?: Instant;
  readonly executedAt?: Instant;
  readonly endedAt?: Instant;
  /** Who allowed the execution as the last one needed, and until when it had to begin; absent while one is missing. */
  readonly approval?: GivenApproval;
  /** Every approval that counts, the oldest first; only where a rule of the tenant's policy says how many are needed. */
  readonly approvals?: readonly GivenApproval[];
  /** Until then the replaced release is warm and a rollback from Completed works. */
  readonly retainedUntil?: Instant;
  /** Positions of nodes that did not get or keep the new release, when the outcome is partial. */
  readonly failedNodes?: readonly (readonly [number, number])[];
  /** It has failed before any node or route was changed: there is nothing to bring back. Absent: no. */
  readonly changedNothing?: true;
}
