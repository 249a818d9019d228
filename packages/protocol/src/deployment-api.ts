import { z } from 'zod';
import {
  approvalRuleShape,
  autoRollbackSchema,
  deploymentStatuses,
  durationSchema,
  healthCheckOverrideSchema,
  healthCheckSchema,
  positiveDurationSchema,
} from '@hotswap/core';
import type {
  ApprovalRule,
  AutoRollback,
  Capabilities,
  DeploymentStatus,
  Duration,
  HealthCheck,
  HealthCheckOverride,
  Json,
  ModuleHttp,
  ModuleRuntime,
  ResourceLimits,
  VariantMetrics,
} from '@hotswap/core';
import { listQueryShape, type ListQuery } from './list-api.ts';
import { capabilitiesSchema, resourceLimitsSchema } from './module-api.ts';
import { deploymentTrafficSchema, type AskedTraffic, type DeploymentTrafficRequest } from './deployment-traffic.ts';
import {
  moduleHttpSchema,
  moduleRuntimeSchema,
  type ModuleHttpRequest,
  type ModuleRuntimeRequest,
} from './module-serving.ts';
import {
  chosenIdSchema,
  jsonSchema,
  moduleIdSchema,
  moduleNameSchema,
  regionSchema,
  timestampSchema,
} from './wire-text.ts';

/** Statuses after which a deployment does not move by itself any more; a retained Completed one can still be rolled back. @public */
export const finalStatuses: readonly DeploymentStatus[] = [
  'Completed',
  'PartiallyCompleted',
  'RolledBack',
  'Cancelled',
  'Failed',
];

/** Body of a new deployment. @public */
export interface CreateDeploymentRequest {
  readonly moduleId: string;
  /**
   * One of the whole installation: an id that another tenant has is refused as one that exists. Default: a new id.
   */
  readonly deploymentId?: string;
  /** Default: all regions. */
  readonly targetRegions?: readonly string[];
  /**
   * A name that the server has registered, e.g. `Canary`. Default: what is recommended for the server's environment, or
   * `Canary` with a `canaryConfig`.
   */
  readonly strategy?: string;
  /** Read by the strategy's own schema. Default: its defaults. */
  readonly strategyConfig?: Json;
  /** The same under the name that text 001 gives it; not together with `strategyConfig`. */
  readonly canaryConfig?: Json;
  /** What the release has beyond the module: laid over the module's own values. */
  readonly release?: {
    readonly config?: Readonly<Record<string, Json>>;
    readonly capabilities?: Partial<Capabilities>;
    readonly resourceLimits?: Partial<ResourceLimits>;
    /** Whole block, in place of the module's; `null`: not reached by HTTP. */
    readonly http?: ModuleHttpRequest | null;
    /** Whole block, in place of the module's. */
    readonly runtime?: ModuleRuntimeRequest;
    readonly healthCheck?: HealthCheckOverride;
  };
  readonly healthCheck?: HealthCheckOverride;
  /** Default: crash rate above 5 %, error rate above 10 %, memory over its limit. */
  readonly autoRollback?: AutoRollbackRequest;
  /** Selectors that choose and order the targets, applied in turn; one may stand alone. Default: all that can take part. */
  readonly nodeSelector?: NodeSelectorRequest | readonly NodeSelectorRequest[];
  /**
   * Whether nodes that join later, or were away, are brought to the release. Default `catchUp`; `leave` for strategies
   * that need spare nodes.
   */
  readonly joiners?: 'catchUp' | 'leave';
  /** Requests that get the release beside its share, e.g. of testers, and copies that it gets before any. Default none. */
  readonly traffic?: DeploymentTrafficRequest;
  /** Goes on although users of the version that serves would break. Only for admins. Default `false`. */
  readonly allowBreaking?: boolean;
  /**
   * Deployment that this goes back from. When that one serves wherever this goes, and the release served before it, windows
   * and freezes of the policy do not hold this up, as they hold no rollback up. Default: it goes forward.
   */
  readonly undoes?: string;
  /** Time without progress, on top of configured waits, after which it is stuck and paused. Default PT30M. */
  readonly progressDeadline?: Duration | number;
  /** How long the replaced release stays warm after Completed. Default: the server's, PT1H. */
  readonly retention?: Duration | number;
}

/** A selector by the name that the server has it under. @public */
export interface NodeSelectorRequest {
  readonly name: string;
  /** Read by the selector's own schema. Default: its defaults. */
  readonly options?: Json;
}

/** An `autoRollback` block as a caller writes it. @public */
export interface AutoRollbackRequest {
  readonly enabled?: boolean;
  readonly triggers?: readonly {
    readonly metric: AutoRollback['triggers'][number]['metric'];
    readonly threshold: number;
    readonly comparison?: 'greater_than' | 'less_than';
    readonly minimumSamples?: number;
    readonly unit?: 'percent' | 'ms' | 'mb' | 'count';
  }[];
}

/** How the deployment ended, or stands, on one node. @public */
export interface DeploymentNodeView {
  readonly nodeId: string;
  /** 0-based place in the rollout's order. */
  readonly position: number;
  readonly region: string;
  readonly outcome: 'pending' | 'ok' | 'failed' | 'unknown';
  /** What the node reports of the deployment's release. */
  readonly state: 'absent' | 'loading' | 'ready' | 'failed';
  /** Relative weight of the deployment's release on the node. */
  readonly weight: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly health?: 'unknown' | 'healthy' | 'unhealthy';
}

/** A node that joined, or was away, when the release was rolled out and does not serve it yet. @public */
export interface OutstandingNodeView {
  readonly nodeId: string;
  readonly region: string;
  /** `offline`: not heard of; `waiting`: passed over by the deployment's selectors or about to be told. */
  readonly state: 'offline' | 'waiting' | 'loading' | 'failed';
  readonly error?: { readonly code: string; readonly message: string };
}

/** Somebody's approval. @public */
export interface ApprovalView {
  readonly by: string;
  readonly at: string;
  /** From then on it does not count any more. */
  readonly expiresAt: string;
}

/** What routers have reported of the requests that a mirror chose. @public */
export interface MirroredView {
  /** Those that were compared or failed. */
  readonly copied: number;
  readonly equal: number;
  readonly different: number;
  readonly failed: number;
  /** Chosen but not compared, e.g. because they were too large. */
  readonly skipped: number;
}

/** A deployment on the wire. @public */
export interface DeploymentView {
  readonly deploymentId: string;
  readonly moduleId: string;
  readonly moduleName: string;
  readonly releaseId: string;
  /** Version that served most nodes before; `null` when there was none. */
  readonly previousModuleId: string | null;
  /** Release that served most nodes before; `null` when there was none. */
  readonly previousReleaseId: string | null;
  readonly strategy: string;
  readonly strategyConfig: Json;
  readonly targetRegions: readonly string[] | null;
  readonly status: DeploymentStatus;
  readonly progressPercent: number;
  readonly stage?: string;
  readonly reason?: string;
  readonly verdict?: 'A' | 'B' | 'Inconclusive';
  readonly retainedUntil?: string;
  /** Effect that runs now; absent when none does. */
  readonly running?: { readonly step: number; readonly kind: string; readonly since: string };
  /** What came of requests that were copied to it; only while they are. */
  readonly mirrored?: MirroredView;
  /** No progress past the running effect's own deadline plus `progressDeadline`; also once it is paused for that. */
  readonly stuck: boolean;
  readonly healthCheck: HealthCheck;
  readonly autoRollback: AutoRollback;
  readonly progressDeadline: Duration;
  readonly retention: Duration;
  /** Release train that it is part of. */
  readonly trainId?: string;
  /** Whether somebody else than the author has to approve it. */
  readonly requireApproval: boolean;
  /** Who allowed the execution as the last one needed, and until when it had to begin. */
  readonly approval?: ApprovalView;
  /** The rule of the policy that it was created under, and who has approved so far; absent where none says more. */
  readonly approvals?: ApprovalRule & { readonly given: readonly ApprovalView[] };
  /** Deployment that it goes back from; windows and freezes do not hold it up. */
  readonly undoes?: string;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly executedAt?: string;
  readonly endedAt?: string;
  /** Per-node outcomes; only when a single deployment is read, and once it was executed. */
  readonly nodes?: readonly DeploymentNodeView[];
  /** Nodes that have yet to catch up, while this is the last deployment of the module there; only when one is read. */
  readonly outstanding?: readonly OutstandingNodeView[];
}

/** @public */
export interface DeploymentList {
  readonly deployments: readonly DeploymentView[];
  readonly nextCursor: string | null;
}

/** @public */
export interface DeploymentListQuery extends ListQuery {
  readonly moduleName?: string;
  readonly status?: DeploymentStatus;
  /** Only those that are stuck, or only those that are not. */
  readonly stuck?: boolean;
}

/** One line of a journal on the wire. @public */
export interface JournalEntryView {
  readonly seq: number;
  readonly at: string;
  readonly actor: string;
  readonly type: string;
  /** What happened, as a sentence. */
  readonly explanation: string;
  /** The entry's own members, as hashed. */
  readonly entry: Json;
  readonly hash: string;
  readonly previousHash: string;
}

/** @public */
export interface JournalView {
  readonly entries: readonly JournalEntryView[];
  readonly nextCursor: string | null;
}

/** One event of a deployment's stream. @public */
export type DeploymentEvent =
  /** A new journal line; resumable by its number. */
  | { readonly kind: 'entry'; readonly entry: JournalEntryView }
  /** The deployment as it is now; sent at connect and after changes. */
  | { readonly kind: 'status'; readonly deployment: DeploymentView }
  /** What calls of the new release and of the baseline experienced in the last ten seconds; sent while traffic is split. */
  | {
      readonly kind: 'metrics';
      readonly metrics: {
        readonly windowMs: number;
        readonly candidate: VariantMetrics;
        readonly baseline: VariantMetrics;
      };
    };

const nodeSelector = z.strictObject({ name: z.string().min(1).max(100), options: jsonSchema.exactOptional() });

/** @see {@link CreateDeploymentRequest} @public */
export const createDeploymentSchema: z.ZodType<
  Omit<
    CreateDeploymentRequest,
    'autoRollback' | 'nodeSelector' | 'progressDeadline' | 'release' | 'retention' | 'traffic'
  > & {
    readonly release?: Omit<NonNullable<CreateDeploymentRequest['release']>, 'http' | 'runtime'> & {
      readonly http?: ModuleHttp | null;
      readonly runtime?: ModuleRuntime;
    };
    readonly autoRollback?: AutoRollback;
    readonly nodeSelector?: readonly NodeSelectorRequest[];
    readonly progressDeadline?: Duration;
    readonly retention?: Duration;
    readonly traffic?: AskedTraffic;
  },
  unknown
> = z
  .strictObject({
    moduleId: moduleIdSchema,
    deploymentId: chosenIdSchema.exactOptional(),
    targetRegions: z.array(regionSchema).min(1).max(100).exactOptional(),
    strategy: z.string().min(1).max(60).exactOptional(),
    strategyConfig: jsonSchema.exactOptional(),
    canaryConfig: jsonSchema.exactOptional(),
    release: z
      .strictObject({
        config: z.record(z.string().min(1).max(200), jsonSchema).exactOptional(),
        capabilities: capabilitiesSchema.exactOptional(),
        resourceLimits: resourceLimitsSchema.exactOptional(),
        http: moduleHttpSchema.nullable().exactOptional(),
        runtime: moduleRuntimeSchema.exactOptional(),
        healthCheck: healthCheckOverrideSchema.exactOptional(),
      })
      .exactOptional(),
    healthCheck: healthCheckOverrideSchema.exactOptional(),
    autoRollback: autoRollbackSchema.exactOptional(),
    nodeSelector: z
      .union([nodeSelector.transform((one) => [one]), z.array(nodeSelector).min(1).max(20)])
      .exactOptional(),
    joiners: z.enum(['catchUp', 'leave']).exactOptional(),
    traffic: deploymentTrafficSchema.exactOptional(),
    allowBreaking: z.boolean().exactOptional(),
    undoes: z.string().min(1).max(100).exactOptional(),
    progressDeadline: positiveDurationSchema.exactOptional(),
    retention: durationSchema.exactOptional(),
  })
  .refine((body) => body.strategyConfig === undefined || body.canaryConfig === undefined, {
    error: 'is the same as strategyConfig: give one of them',
    path: ['canaryConfig'],
  })
  .meta({ id: 'CreateDeployment' });

const nodeView = z.object({
  nodeId: z.string(),
  position: z.int(),
  region: z.string(),
  outcome: z.enum(['pending', 'ok', 'failed', 'unknown']),
  state: z.enum(['absent', 'loading', 'ready', 'failed']),
  weight: z.number(),
  error: z.object({ code: z.string(), message: z.string() }).exactOptional(),
  health: z.enum(['unknown', 'healthy', 'unhealthy']).exactOptional(),
});

const approvalView: z.ZodType<ApprovalView> = z.object({
  by: z.string(),
  at: timestampSchema,
  expiresAt: timestampSchema,
});

const count = z.int().min(0);
const mirroredView = z.object({ copied: count, equal: count, different: count, failed: count, skipped: count });

const outstandingView: z.ZodType<OutstandingNodeView> = z.object({
  nodeId: z.string(),
  region: z.string(),
  state: z.enum(['offline', 'waiting', 'loading', 'failed']),
  error: z.object({ code: z.string(), message: z.string() }).exactOptional(),
});

/** @see {@link DeploymentView} @public */
export const deploymentViewSchema: z.ZodType<DeploymentView> = z
  .object({
    deploymentId: z.string(),
    moduleId: z.string(),
    moduleName: z.string(),
    releaseId: z.string(),
    previousModuleId: z.string().nullable(),
    previousReleaseId: z.string().nullable(),
    strategy: z.string(),
    strategyConfig: jsonSchema,
    targetRegions: z.array(z.string()).nullable(),
    status: z.enum(deploymentStatuses),
    progressPercent: z.number(),
    stage: z.string().exactOptional(),
    reason: z.string().exactOptional(),
    verdict: z.enum(['A', 'B', 'Inconclusive']).exactOptional(),
    retainedUntil: timestampSchema.exactOptional(),
    running: z.object({ step: z.int(), kind: z.string(), since: timestampSchema }).exactOptional(),
    mirrored: mirroredView.exactOptional(),
    stuck: z.boolean(),
    healthCheck: healthCheckSchema,
    autoRollback: autoRollbackSchema,
    progressDeadline: durationSchema,
    retention: durationSchema,
    trainId: z.string().exactOptional(),
    requireApproval: z.boolean(),
    approval: approvalView.exactOptional(),
    approvals: z.object({ ...approvalRuleShape, given: z.array(approvalView) }).exactOptional(),
    undoes: z.string().exactOptional(),
    createdBy: z.string(),
    createdAt: timestampSchema,
    executedAt: timestampSchema.exactOptional(),
    endedAt: timestampSchema.exactOptional(),
    nodes: z.array(nodeView).exactOptional(),
    outstanding: z.array(outstandingView).exactOptional(),
  })
  .meta({ id: 'Deployment' });

/** @see {@link DeploymentList} @public */
export const deploymentListSchema: z.ZodType<DeploymentList> = z
  .object({ deployments: z.array(deploymentViewSchema), nextCursor: z.string().nullable() })
  .meta({ id: 'DeploymentList' });

/** @see {@link DeploymentListQuery} @public */
export const deploymentListQuerySchema: z.ZodType<
  {
    limit?: number | undefined;
    cursor?: string | undefined;
    moduleName?: string | undefined;
    status?: DeploymentStatus | undefined;
    stuck?: boolean | undefined;
  },
  unknown
> = z.strictObject({
  ...listQueryShape,
  moduleName: moduleNameSchema.optional(),
  status: z.enum(deploymentStatuses).optional(),
  stuck: z.stringbool().optional(),
});

/** @see {@link JournalView} @public */
export const journalViewSchema: z.ZodType<JournalView> = z
  .object({
    entries: z.array(
      z.object({
        seq: z.int(),
        at: timestampSchema,
        actor: z.string(),
        type: z.string(),
        explanation: z.string(),
        entry: jsonSchema,
        hash: z.string(),
        previousHash: z.string(),
      }),
    ),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'Journal' });
