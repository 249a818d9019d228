import type { Effect, EffectResult } from '../effects/effect.ts';
import type { Outcome } from '../contracts/strategy.ts';
import type { DeploymentSpec, Instant, ReleaseId } from '../model/deployment.ts';
import type { Json } from '../model/json.ts';
import type { NodeRange, NodeSet } from '../model/node-set.ts';

/** SHA-256 in lower-case hex over the canonical JSON of an entry without its `hash`. @public */
export type EntryHash = string;
/** `previousHash` of the first entry of a journal, and the head of an empty one. @public */
export const genesisHash: EntryHash = '0'.repeat(64);

/** What people can tell a deployment. @public */
export const deploymentCommands = [
  'approve',
  'reject',
  'execute',
  'pause',
  'resume',
  'promote',
  'retry',
  'abort',
  'rollback',
] as const;
/** @see {@link deploymentCommands} @public */
export type DeploymentCommand = (typeof deploymentCommands)[number];

/** Why a rollout is held: by a person, or by the engine because it must not guess or has nobody to work with. @public */
export type HoldReason = 'person' | 'diverged' | 'strategyThrew' | 'stuck' | 'offline' | 'noData';

/** Releases that a group of nodes served, with their weights, before the deployment touched them. @public */
export interface BaselineGroup {
  readonly nodes: NodeSet;
  /** Empty: the module was absent there. */
  readonly releases: readonly { readonly releaseId: ReleaseId; readonly weight: number }[];
}

/** Runs after Completed without any strategy: keeps the replaced release warm, then retires it. @public */
export interface RetainEffect {
  readonly kind: 'retain';
  readonly version: 1;
  readonly input: { readonly forMs: number; readonly retire: NodeSet };
}

/** What an engine step can be. @public */
export type EngineEffect = Effect | RetainEffect;

/** Why nodes of the regions are no targets, with how many. @public */
export type PassedOver = Readonly<Partial<Record<'offline' | 'flapping' | 'full' | 'notSelected', number>>>;

/** A rule of the tenant's policy that somebody set aside in an emergency. @public */
export interface RuleOverride {
  /** Code that it would have been refused with. */
  readonly code: 'HS_DEPLOYMENT_FROZEN' | 'HS_DEPLOYMENT_OUTSIDE_WINDOW';
  readonly reason: string;
}

/** What happened, by type. An unknown type is refused when a journal is folded. @public */
export type JournalEvent =
  | { readonly type: 'created'; readonly spec: DeploymentSpec; readonly specHash: string }
  /**
   * Somebody allows one execution, of exactly this spec and release, until then; where more are needed they all have to.
   * Used up by `executed`.
   */
  | {
      readonly type: 'approved';
      readonly by: string;
      readonly specHash: string;
      readonly releaseId: ReleaseId;
      readonly expiresAt: Instant;
      readonly reason?: string;
    }
  | { readonly type: 'rejected'; readonly by: string; readonly reason?: string }
  /** An approval that nobody used in time has ended; another one is needed. */
  | { readonly type: 'lapsed'; readonly by: string }
  | {
      readonly type: 'executed';
      /** Strategies by name in the version that this rollout runs on, inner ones included. */
      readonly strategyVersions: Readonly<Record<string, number>>;
      readonly effectSetVersion: number;
      /** Node ids in rollout order; positions of node sets index this list. */
      readonly targets: readonly string[];
      readonly regions: Readonly<Record<string, NodeSet>>;
      readonly baseline: readonly BaselineGroup[];
      /** Whether the traffic router chooses between nodes (see `routeWeights`). */
      readonly routerSpansNodes: boolean;
      readonly epoch: number;
      /** Nodes of the regions that could not take part, counted by why; absent when all could. */
      readonly passedOver?: PassedOver;
    }
  | { readonly type: 'began'; readonly step: number; readonly effect: EngineEffect }
  | { readonly type: 'moved'; readonly step: number; readonly cursor: number }
  | { readonly type: 'ended'; readonly step: number; readonly result: EffectResult<Json>; readonly facts?: Json }
  | {
      readonly type: 'command';
      readonly command: DeploymentCommand;
      readonly reason?: string;
      /** Of a rollback: release that takes over from the baseline. */
      readonly toReleaseId?: ReleaseId;
      /** Of a rollback: regions that are brought back; absent means all. */
      readonly regions?: readonly string[];
      /** Of an execution: what would have refused it. */
      readonly override?: RuleOverride;
    }
  | { readonly type: 'held'; readonly why: HoldReason; readonly detail: string }
  | { readonly type: 'freed' }
  | {
      readonly type: 'turned';
      readonly to: 'rollback' | 'retention';
      readonly reason: string;
      /** Nodes that go back, when the others stay; the rollout is then in retention again. */
      readonly nodes?: NodeSet;
      /** Status that the deployment gets when a rollback has ended well. */
      readonly then?: 'RolledBack' | 'Cancelled' | 'Failed';
      readonly outcome?: Outcome;
      readonly facts?: Json;
    }
  | {
      readonly type: 'closed';
      readonly status: 'Completed' | 'PartiallyCompleted' | 'RolledBack' | 'Cancelled' | 'Failed';
      readonly reason?: string;
      readonly facts?: Json;
    };

/** Where an entry stands in its journal. @public */
export interface JournalPosition {
  /** From 0, without gaps. */
  readonly seq: number;
  /** Database time; never before the previous entry's. */
  readonly at: Instant;
  /** Principal or engine that wrote it. */
  readonly actor: string;
  readonly previousHash: EntryHash;
  readonly hash: EntryHash;
}

/** One line of a deployment's journal. @public */
export type JournalEntry = JournalEvent & JournalPosition;

/** Ranges as they stand in journals. @public */
export type { NodeRange };
