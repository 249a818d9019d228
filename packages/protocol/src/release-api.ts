import { z } from 'zod';
import { durationSchema, healthCheckOverrideSchema } from '@hotswap/core';
import type { Capabilities, HealthCheckOverride, Json, ModuleHttp, ModuleRuntime, ResourceLimits } from '@hotswap/core';
import { listQueryShape, type ListQuery } from './list-api.ts';
import { moduleHttpViewSchema, moduleRuntimeViewSchema } from './module-serving.ts';
import { jsonSchema, moduleNameSchema } from './wire-text.ts';

/** A release on the wire: code, configuration, capabilities, limits and health check under one id. @public */
export interface ReleaseView {
  readonly releaseId: string;
  readonly moduleId: string;
  readonly moduleName: string;
  readonly version: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly config: Readonly<Record<string, Json>>;
  readonly capabilities: Capabilities;
  readonly resourceLimits: ResourceLimits;
  readonly http: ModuleHttp | null;
  readonly runtime: ModuleRuntime;
  readonly healthCheck: HealthCheckOverride;
  /** Release that this one stands for without its capabilities, to answer copies of requests. Absent: it is no such one. */
  readonly shadowOf?: string;
}

/** @public */
export interface ReleaseList {
  readonly releases: readonly ReleaseView[];
  readonly nextCursor: string | null;
}

/** @public */
export interface ReleaseListQuery extends ListQuery {
  readonly moduleName?: string;
}

/** @see {@link ReleaseView} @public */
export const releaseViewSchema: z.ZodType<ReleaseView> = z
  .object({
    releaseId: z.string(),
    moduleId: z.string(),
    moduleName: z.string(),
    version: z.string(),
    digest: z.string(),
    sizeBytes: z.int(),
    config: z.record(z.string(), jsonSchema),
    capabilities: z.object({
      env: z.record(z.string(), z.string()),
      dirs: z.array(z.object({ name: z.string(), guestPath: z.string(), readOnly: z.boolean() })),
      allowedHosts: z.array(z.string()),
    }),
    resourceLimits: z.object({
      maxMemoryMB: z.number(),
      maxCpuPercent: z.number(),
      maxExecutionTime: durationSchema,
      maxInputSize: z.number(),
    }),
    http: moduleHttpViewSchema.nullable(),
    runtime: moduleRuntimeViewSchema,
    healthCheck: healthCheckOverrideSchema,
    shadowOf: z.string().exactOptional(),
  })
  .meta({ id: 'Release' });

/** @see {@link ReleaseList} @public */
export const releaseListSchema: z.ZodType<ReleaseList> = z
  .object({ releases: z.array(releaseViewSchema), nextCursor: z.string().nullable() })
  .meta({ id: 'ReleaseList' });

/** @see {@link ReleaseListQuery} @public */
export const releaseListQuerySchema: z.ZodType<
  { limit?: number | undefined; cursor?: string | undefined; moduleName?: string | undefined },
  unknown
> = z.strictObject({ ...listQueryShape, moduleName: moduleNameSchema.optional() });

/** One thing that is other in a release than in the one before. @public */
export interface ReleaseChange {
  /** JSON pointer into the release; `/interfaces/imports`, `/exports` and `/functions` are those of the binary. */
  readonly pointer: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** `null` when it was not there. */
  readonly before: Json;
  /** `null` when it is gone. */
  readonly after: Json;
  readonly sentence: string;
}

/** What changes from one release to another. @public */
export interface ReleaseDiff {
  /** `null`: the module serves nothing yet, so everything is new. */
  readonly from: string | null;
  readonly to: string;
  readonly changes: readonly ReleaseChange[];
}

/** @public */
export interface ReleaseDiffQuery {
  /** Release to compare with. Default: the one that most requests to the module get now. */
  readonly against?: string;
}

/** @see {@link ReleaseChange} @public */
export const releaseChangeSchema: z.ZodType<ReleaseChange> = z
  .object({
    pointer: z.string(),
    kind: z.enum(['added', 'removed', 'changed']),
    before: jsonSchema,
    after: jsonSchema,
    sentence: z.string(),
  })
  .meta({ id: 'ReleaseChange' });

/** @see {@link ReleaseDiff} @public */
export const releaseDiffSchema: z.ZodType<ReleaseDiff> = z
  .object({ from: z.string().nullable(), to: z.string(), changes: z.array(releaseChangeSchema) })
  .meta({ id: 'ReleaseDiff' });

/** @see {@link ReleaseDiffQuery} @public */
export const releaseDiffQuerySchema: z.ZodType<{ against?: string | undefined }, unknown> = z.strictObject({
  against: z.string().min(1).max(200).optional(),
});
