import type { z } from 'zod';
import type { Effect } from '../effects/effect.ts';
import type { DeploymentId, ReleaseId } from '../model/deployment.ts';
import type { HealthCheck, HealthCheckOverride } from '../model/health-check.ts';
import type { Json } from '../model/json.ts';
import type { NodeSet } from '../model/node-set.ts';

/**
 * Steps of a rollout: a synchronous generator of effects. What `yield*` of a creator returns is typed by the creator;
 * the type of `next` has to stay open for that, which is why it is `any` here and nowhere else.
 * @public
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a generator that delegates to differently typed creators cannot name one `next` type
export type Steps<Result = void> = Generator<Effect, Result, any>;

/**
 * How a rollout ended when it ran to its end. Retention is returned, not performed: the engine retires what is replaced
 * by a job of its own once the deployment is Completed.
 * @public
 */
export interface Outcome {
  readonly status: 'Completed' | 'PartiallyCompleted' | 'RolledBack';
  readonly message?: string;
  readonly verdict?: 'A' | 'B' | 'Inconclusive';
  /** Nodes that did not get or keep the new release. Default none. */
  readonly failed?: NodeSet;
  /**
   * Which nodes lose the replaced release, and after how long; without `forMs` after the deployment's retention.
   * Default: all targets, after that.
   */
  readonly retain?: readonly { readonly forMs?: number; readonly retire: NodeSet }[];
}

/**
 * Everything a strategy may base its decisions on. Frozen at execute, identical in every replay.
 * @public
 */
export interface RolloutContext<Config> {
  readonly deploymentId: DeploymentId;
  readonly releaseId: ReleaseId;
  readonly moduleId: string;
  /** The nodes to roll out to, in order. A part of the deployment's targets when composed by `inner`. */
  readonly targets: NodeSet;
  /** Targets by region; regions without nodes are absent. */
  readonly regions: Readonly<Record<string, NodeSet>>;
  /** Targets that serve a baseline release of this module now. */
  readonly running: NodeSet;
  readonly healthCheck: HealthCheck;
  readonly config: Config;
  /**
   * Another strategy's steps over part of the targets, in the version that was frozen at execute. Its configuration is
   * read by its own schema; the health check keys in it hold for its own steps.
   * @throws HS_STRATEGY_UNKNOWN when no strategy of that name is registered.
   */
  inner(name: string, part: { readonly targets: NodeSet; readonly config: Json }): Steps<Outcome>;
}

/**
 * A way to roll out. Pure: no clock, no randomness, no I/O; what it decides follows from the context and from results.
 * An uncaught `StageFailed` restores the baseline; rollback, abort and pause need no code here.
 * @public
 */
export interface Strategy<Config = Json> {
  /** Name on the wire, PascalCase, unique among registered strategies. */
  readonly name: string;
  /** Rises when the same journal would yield other effects; older versions stay registered while rollouts run on them. */
  readonly version: number;
  /** Reads a `strategyConfig`: refuses unknown keys, fills defaults. Its output must be JSON. */
  readonly configSchema: z.ZodType<Config, unknown>;
  rollout(context: RolloutContext<Config>): Steps<Outcome>;
  /**
   * Keys of the health check that the strategy's own configuration sets (`healthCheckFunction`, `successThreshold`, ...).
   * Servers lay them over the deployment's and the module's (D-12). Absent: the configuration sets none.
   */
  healthCheck?(config: Config): HealthCheckOverride;
  /**
   * Regions that the configuration says something about, with the JSON pointers of it: servers refuse those without any
   * node, since a misspelt one would go unnoticed. Absent: none.
   */
  namedRegions?(config: Config): readonly { readonly region: string; readonly pointer: string }[];
  /**
   * Whether nodes without the release are wanted as they are, e.g. as the room of the next environment: then nodes that
   * join later are left alone unless the deployment says otherwise. Absent: they are not.
   */
  keepsSpareNodes?(config: Config): boolean;
}
