import { z } from 'zod';
import { durationSchema } from '@hotswap/core';
import type { Duration, Json } from '@hotswap/core';
import { listQueryShape, type ListQuery } from './list-api.ts';
import { jsonSchema, labelsSchema, regionSchema, timestampSchema } from './wire-text.ts';

/** Statuses of a node. @public */
export const nodeStatuses = ['Healthy', 'Degraded', 'Unhealthy', 'Disabled'] as const;

/** `Unhealthy`: no heartbeat for PT2M. `Degraded`: heard of, but a release could not be loaded. @public */
export type NodeStatus = (typeof nodeStatuses)[number];

/**
 * What a condition is about: heartbeats, applied desired state, starts again and again, releases that could not be loaded,
 * processor time.
 * @public
 */
export type NodeConditionType = 'Connected' | 'Synced' | 'Stable' | 'ModulesLoaded' | 'CpuAvailable';

const nodeConditionTypes = [
  'Connected',
  'Synced',
  'Stable',
  'ModulesLoaded',
  'CpuAvailable',
] as const satisfies readonly NodeConditionType[];

/** One thing that is or is not as it should be with a node. @public */
export interface NodeCondition {
  readonly type: NodeConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** A node on the wire. @public */
export interface NodeView {
  readonly nodeId: string;
  readonly hostname: string;
  readonly region: string;
  readonly zone: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly runtime: string;
  readonly runtimeVersion: string;
  readonly capabilities: Readonly<Record<string, Json>>;
  readonly maxModules: number;
  readonly hardware: { readonly cpuCores: number; readonly totalMemoryMB: number; readonly architecture: string };
  readonly status: NodeStatus;
  readonly isEnabled: boolean;
  readonly conditions: readonly NodeCondition[];
  /** Desired and applied generation. */
  readonly generation: number;
  readonly observedGeneration: number;
  /** Module ids that the node shall hold. */
  readonly deployedModules: readonly string[];
  readonly modulesLoaded: number;
  readonly cpuUsagePercent: number;
  readonly memoryUsageMB: number;
  readonly lastHeartbeat: string | null;
  readonly registeredAt: string;
}

/** @public */
export interface NodeList {
  readonly nodes: readonly NodeView[];
  readonly nextCursor: string | null;
}

/** @public */
export interface NodeListQuery extends ListQuery {
  readonly region?: string;
  readonly zone?: string;
  readonly status?: NodeStatus;
  /** `name=value`. */
  readonly label?: string;
}

/** Body of a change to a node. @public */
export interface UpdateNodeRequest {
  /** `false`: no new deployments take it. */
  readonly isEnabled?: boolean;
  /** Replaces all labels. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** @public */
export interface NodeHealthView {
  readonly nodeId: string;
  readonly status: NodeStatus;
  readonly modulesLoaded: number;
  readonly cpuUsagePercent: number;
  readonly memoryUsageMB: number;
  readonly lastHeartbeat: string | null;
}

/** Body of a new join token. @public */
export interface JoinTokenRequest {
  /** How many nodes may join with it. Default 1. */
  readonly uses?: number;
  /** PT30M at most. Default PT5M. */
  readonly expiresIn?: Duration | number;
  /** Regions that a node with this token may name. Default all. */
  readonly regions?: readonly string[];
}

/** The token is shown this once. @public */
export interface JoinTokenView {
  readonly token: string;
  readonly uses: number;
  readonly expiresAt: string;
  readonly regions: readonly string[] | null;
}

/** @see {@link JoinTokenRequest} @public */
export const joinTokenRequestSchema: z.ZodType<
  { readonly uses?: number; readonly expiresIn?: Duration; readonly regions?: readonly string[] },
  unknown
> = z
  .strictObject({
    uses: z.int().min(1).max(10_000).exactOptional(),
    expiresIn: durationSchema.exactOptional(),
    regions: z.array(regionSchema).min(1).max(100).exactOptional(),
  })
  .meta({ id: 'JoinTokenRequest' });

/** @see {@link JoinTokenView} @public */
export const joinTokenViewSchema: z.ZodType<JoinTokenView> = z
  .object({ token: z.string(), uses: z.int(), expiresAt: timestampSchema, regions: z.array(z.string()).nullable() })
  .meta({ id: 'JoinToken' });

/** @see {@link UpdateNodeRequest} @public */
export const updateNodeSchema: z.ZodType<UpdateNodeRequest, unknown> = z
  .strictObject({ isEnabled: z.boolean().exactOptional(), labels: labelsSchema.exactOptional() })
  .refine((body) => body.isEnabled !== undefined || body.labels !== undefined, {
    error: 'must name isEnabled or labels',
  })
  .meta({ id: 'UpdateNode' });

const healthShape = {
  nodeId: z.string(),
  status: z.enum(nodeStatuses),
  modulesLoaded: z.int(),
  cpuUsagePercent: z.number(),
  memoryUsageMB: z.number(),
  lastHeartbeat: timestampSchema.nullable(),
};

/** @see {@link NodeHealthView} @public */
export const nodeHealthViewSchema: z.ZodType<NodeHealthView> = z.object(healthShape).meta({ id: 'NodeHealth' });

/** @see {@link NodeView} @public */
export const nodeViewSchema: z.ZodType<NodeView> = z
  .object({
    ...healthShape,
    hostname: z.string(),
    region: z.string(),
    zone: z.string().nullable(),
    labels: z.record(z.string(), z.string()),
    runtime: z.string(),
    runtimeVersion: z.string(),
    capabilities: z.record(z.string(), jsonSchema),
    maxModules: z.int(),
    hardware: z.object({ cpuCores: z.number(), totalMemoryMB: z.number(), architecture: z.string() }),
    isEnabled: z.boolean(),
    conditions: z.array(
      z.object({
        type: z.enum(nodeConditionTypes),
        status: z.enum(['True', 'False', 'Unknown']),
        reason: z.string(),
        message: z.string(),
      }),
    ),
    generation: z.int(),
    observedGeneration: z.int(),
    deployedModules: z.array(z.string()),
    registeredAt: timestampSchema,
  })
  .meta({ id: 'Node' });

/** @see {@link NodeList} @public */
export const nodeListSchema: z.ZodType<NodeList> = z
  .object({ nodes: z.array(nodeViewSchema), nextCursor: z.string().nullable() })
  .meta({ id: 'NodeList' });

/** @see {@link NodeListQuery} @public */
export const nodeListQuerySchema: z.ZodType<
  {
    limit?: number | undefined;
    cursor?: string | undefined;
    region?: string | undefined;
    zone?: string | undefined;
    status?: NodeStatus | undefined;
    label?: string | undefined;
  },
  unknown
> = z.strictObject({
  ...listQueryShape,
  region: regionSchema.optional(),
  zone: regionSchema.optional(),
  status: z.enum(nodeStatuses).optional(),
  label: z
    .string()
    .regex(/^[^=]{1,63}=.{0,255}$/, 'must be name=value')
    .optional(),
});
