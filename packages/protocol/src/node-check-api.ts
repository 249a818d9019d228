import { z } from 'zod';
import { healthCheckSchema, type HealthCheck } from '@hotswap/core';
import { nodeHealthViewSchema, type NodeHealthView } from './node-api.ts';

/** What a module's health function said: `disabled` has none to ask, `missing` is not ready on the node. @public */
export type ModuleCheckState = 'healthy' | 'unhealthy' | 'disabled' | 'missing';

const states = ['healthy', 'unhealthy', 'disabled', 'missing'] as const satisfies readonly ModuleCheckState[];

/** Answer of one release's health function. @public */
export interface ModuleCheckView {
  readonly moduleName: string;
  readonly releaseId: string;
  readonly version: string;
  readonly state: ModuleCheckState;
  /** Why it is not healthy. Absent: it is. */
  readonly message?: string;
  readonly durationMs: number;
}

/** A node's health after its modules' health functions have run. @public */
export interface NodeCheckView extends NodeHealthView {
  /** `Degraded` as soon as one of these is not healthy. */
  readonly checks: readonly ModuleCheckView[];
}

/** What a server asks an agent to run. @public */
export interface NodeChecksRequest {
  readonly checks: readonly { readonly releaseId: string; readonly moduleName: string; readonly check: HealthCheck }[];
  /** When the agent answers at the latest, with what it has. */
  readonly timeoutMs: number;
}

/** What an agent answers. @public */
export interface NodeChecksAnswer {
  readonly checks: readonly Omit<ModuleCheckView, 'version'>[];
  readonly resources: {
    readonly cpuUsagePercent: number;
    readonly memoryUsageMB: number;
    readonly modulesLoaded: number;
  };
}

const durationMs = z.number().min(0);
const checked = {
  moduleName: z.string().max(100),
  releaseId: z.string().max(100),
  state: z.enum(states),
  message: z.string().max(2_000).exactOptional(),
  durationMs,
};

/** @see {@link NodeCheckView} @public */
export const nodeCheckViewSchema: z.ZodType<NodeCheckView> = z
  .intersection(nodeHealthViewSchema, z.object({ checks: z.array(z.object({ ...checked, version: z.string() })) }))
  .meta({ id: 'NodeCheck' });

/** @see {@link NodeChecksRequest} @public */
export const nodeChecksRequestSchema: z.ZodType<NodeChecksRequest, unknown> = z.strictObject({
  checks: z
    .array(
      z.strictObject({
        releaseId: z.string().min(1).max(100),
        moduleName: z.string().min(1).max(100),
        check: healthCheckSchema,
      }),
    )
    .max(10_000),
  timeoutMs: z.int().min(1).max(60_000),
});

/** @see {@link NodeChecksAnswer} @public */
export const nodeChecksAnswerSchema: z.ZodType<NodeChecksAnswer, unknown> = z.object({
  checks: z.array(z.object(checked)).max(10_000),
  resources: z.object({ cpuUsagePercent: durationMs, memoryUsageMB: durationMs, modulesLoaded: z.int().min(0) }),
});
