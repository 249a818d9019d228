import type { DeploymentSpec, DeploymentId, ReleaseId } from '../model/deployment.ts';
import type { HealthCheck } from '../model/health-check.ts';
import type { Json } from '../model/json.ts';
import type { NodeSet } from '../model/node-set.ts';
import type { MirrorCompare } from '../model/traffic-mirror.ts';
import type { RouteWeights } from './route-weights.ts';
import type { BaselineGroup } from './journal-entry.ts';

/**
 * What a commit does to the fleet's desired state besides appending entries. Changes are set-wise: a store applies each
 * as one statement over the deployment's frozen targets, in the order given, in the transaction of the entries.
 * Positions of node sets are those of the deployment that the batch is for. Every change that alters what a node should
 * do raises that node's generation by one and stamps it on the target row, so that reports can be told from older ones.
 * @public
 */
export type Change =
  /** Opens a deployment: its row, and the claim that no other active one holds the module in an overlapping region set. */
  | { readonly kind: 'open'; readonly spec: DeploymentSpec }
  /** Freezes targets and their baseline, and raises the module's epoch to `epoch`. */
  | {
      readonly kind: 'freeze';
      readonly targets: readonly string[];
      readonly baseline: readonly BaselineGroup[];
      readonly epoch: number;
    }
  /** Raises the epoch alone (rollback, retry). */
  | { readonly kind: 'raiseEpoch'; readonly epoch: number }
  /** The release shall be present and warm on the nodes, without traffic. Clears a former failure to load it. */
  | { readonly kind: 'assign'; readonly nodes: NodeSet; readonly releaseId: ReleaseId }
  /** The nodes run the check on the release, from its first round on, and report under the step's number. */
  | {
      readonly kind: 'probe';
      readonly nodes: NodeSet;
      readonly releaseId: ReleaseId;
      readonly step: number;
      readonly check: HealthCheck;
    }
  /** The nodes check whichever baseline release each of them serves; with `healthCheck` of that release itself. */
  | { readonly kind: 'probeBaseline'; readonly nodes: NodeSet; readonly step: number }
  /** No node probes for this deployment any more. No step waits for it: generations rise, target rows keep theirs. */
  | { readonly kind: 'endProbes' }
  /** The live route changes: weights per `RouteWeights` on `to`, and on the rest of `among`. Raises the route's revision. */
  | {
      readonly kind: 'route';
      readonly releaseId: ReleaseId;
      readonly to: NodeSet;
      readonly among: NodeSet;
      readonly weights: RouteWeights;
    }
  /** Routers copy a share of the module's requests to the release, and count under the step. Raises the route's revision. */
  | {
      readonly kind: 'mirror';
      readonly releaseId: ReleaseId;
      readonly step: number;
      readonly percent: number;
      readonly compare: MirrorCompare;
    }
  /** Nothing is copied for this deployment any more, and what was counted is forgotten. Raises the revision if anything was. */
  | { readonly kind: 'endMirror' }
  /** Nodes lose a release. */
  | { readonly kind: 'retire'; readonly nodes: NodeSet; readonly releaseId: ReleaseId }
  /** Nodes lose every release of the module that the route no longer names, the deployment's own excepted. */
  | { readonly kind: 'retireReplaced'; readonly nodes: NodeSet }
  /** Nodes get back exactly their baseline: releases and weights; the deployment's release goes. Raises the revision. */
  | { readonly kind: 'restore'; readonly nodes: NodeSet }
  /** A message for the outbox; notifiers deliver it after the commit, at least once. */
  | {
      readonly kind: 'notify';
      readonly text: string;
      readonly severity: 'info' | 'warning' | 'critical';
      readonly facts?: Json;
    };

/** A change with the deployment that it belongs to, as stores see it. @public */
export interface DeploymentChange {
  readonly deploymentId: DeploymentId;
  readonly change: Change;
}
