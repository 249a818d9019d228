import { z } from 'zod';
import { durationSchema, healthCheckOverrideSchema, positiveDurationSchema } from '@hotswap/core';
import type {
  Capabilities,
  FunctionSignature,
  HealthCheckOverride,
  HttpServing,
  ModuleExtern,
  ModuleHttp,
  ModuleRuntime,
  ResourceLimits,
  WasiLevel,
} from '@hotswap/core';
import { listQueryShape, type ListQuery } from './list-api.ts';
import {
  allowedHostSchema,
  moduleHttpSchema,
  moduleHttpViewSchema,
  moduleRuntimeSchema,
  moduleRuntimeViewSchema,
  type ModuleHttpRequest,
  type ModuleRuntimeRequest,
} from './module-serving.ts';
import { moduleIdSchema, moduleNameSchema, moduleVersionSchema, regionSchema, timestampSchema } from './wire-text.ts';

/** What an author says of a module besides its bytes. @public */
export interface ModuleMetadata {
  readonly name: string;
  /** Default: the next patch of the newest version, `1.0.0` for the first. */
  readonly version?: string;
  /** Default: what the binary needs. */
  readonly wasiVersion?: WasiLevel;
  /** Upper bound of what the binary may import. Default: no bound. */
  readonly interfaces?: readonly string[];
  readonly resourceLimits?: Partial<ResourceLimits>;
  /** What it asks nodes for. Default nothing. */
  readonly capabilities?: Partial<Capabilities>;
  /** How it is reached by HTTP. Default `null`: it is not. Only for binaries that serve HTTP. */
  readonly http?: ModuleHttpRequest | null;
  /** Reuse of instances, fuel, SIMD, code cache, state. */
  readonly runtime?: ModuleRuntimeRequest;
  /** Regions that it never leaves, whatever a deployment asks for, e.g. where its data may be. Default: it may go anywhere. */
  readonly allowedRegions?: readonly string[] | null;
  readonly healthCheck?: HealthCheckOverride;
}

/** Metadata as a schema has read it: the blocks `http` and `runtime` have every key. @public */
export interface CheckedModuleMetadata extends Omit<ModuleMetadata, 'http' | 'runtime'> {
  readonly http?: ModuleHttp | null;
  readonly runtime?: ModuleRuntime;
}

/** Body of a registration as JSON. @public */
export interface RegisterModuleRequest extends ModuleMetadata {
  /** The binary as canonical base64. */
  readonly wasmBinary: string;
}

/** A registered module version on the wire. @public */
export interface ModuleView {
  readonly moduleId: string;
  readonly name: string;
  readonly version: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly kind: 'core' | 'component';
  readonly wasiVersion: WasiLevel;
  readonly interfaces: readonly string[] | null;
  readonly imports: readonly ModuleExtern[];
  readonly exports: readonly ModuleExtern[];
  /** Callable exports with their types. */
  readonly functions: readonly FunctionSignature[];
  readonly isCommand: boolean;
  /** By what it can answer HTTP requests; `null`: it cannot. */
  readonly servesHttp: HttpServing | null;
  readonly resourceLimits: ResourceLimits;
  readonly capabilities: Capabilities;
  readonly http: ModuleHttp | null;
  readonly runtime: ModuleRuntime;
  /** `null`: it may go anywhere. */
  readonly allowedRegions: readonly string[] | null;
  readonly healthCheck: HealthCheckOverride;
  readonly createdBy: string;
  readonly createdAt: string;
}

/** @public */
export interface ModuleList {
  readonly modules: readonly ModuleView[];
  readonly nextCursor: string | null;
}

/** @public */
export interface ModuleListQuery extends ListQuery {
  readonly name?: string;
}

/** What a validation found; nothing is stored. @public */
export interface ModuleReport {
  readonly valid: boolean;
  readonly problems: readonly string[];
  readonly kind?: 'core' | 'component';
  readonly wasiVersion?: WasiLevel;
  readonly sizeBytes: number;
  readonly digest: string;
  readonly imports?: readonly ModuleExtern[];
  readonly exports?: readonly ModuleExtern[];
  readonly functions?: readonly FunctionSignature[];
  readonly isCommand?: boolean;
  readonly servesHttp?: HttpServing | null;
  readonly wit?: string;
}

const wasiLevel = z.enum(['none', 'preview1', 'preview2', 'preview3']);

/** Reads limits; every key may be left out. @public */
export const resourceLimitsSchema: z.ZodType<Partial<ResourceLimits>, unknown> = z.strictObject({
  maxMemoryMB: z.number().min(0.0625).max(65_536).exactOptional(),
  maxCpuPercent: z.number().min(1).max(100).exactOptional(),
  maxExecutionTime: positiveDurationSchema.exactOptional(),
  maxInputSize: z.int().min(0).max(1_073_741_824).exactOptional(),
});

/** Reads capability requests; every key may be left out. @public */
export const capabilitiesSchema: z.ZodType<Partial<Capabilities>, unknown> = z.strictObject({
  env: z.record(z.string().min(1).max(200), z.string().max(10_000)).exactOptional(),
  dirs: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(100),
        guestPath: z.string().startsWith('/').max(500),
        readOnly: z.boolean().default(true),
      }),
    )
    .max(100)
    .exactOptional(),
  allowedHosts: z.array(allowedHostSchema).max(200).exactOptional(),
});

const metadataShape = {
  name: moduleNameSchema,
  version: moduleVersionSchema.exactOptional(),
  wasiVersion: wasiLevel.exactOptional(),
  interfaces: z.array(z.string().min(1).max(200)).max(200).exactOptional(),
  resourceLimits: resourceLimitsSchema.exactOptional(),
  capabilities: capabilitiesSchema.exactOptional(),
  http: moduleHttpSchema.nullable().exactOptional(),
  runtime: moduleRuntimeSchema.exactOptional(),
  allowedRegions: z
    .array(regionSchema)
    .min(1)
    .max(100)
    .refine((regions) => new Set(regions).size === regions.length, { error: 'names a region twice' })
    .nullable()
    .exactOptional(),
  healthCheck: healthCheckOverrideSchema.exactOptional(),
};

/** @see {@link ModuleMetadata} @public */
export const moduleMetadataSchema: z.ZodType<CheckedModuleMetadata, unknown> = z
  .strictObject(metadataShape)
  .meta({ id: 'ModuleMetadata' });

/** @see {@link RegisterModuleRequest} @public */
export const registerModuleSchema: z.ZodType<
  CheckedModuleMetadata & Pick<RegisterModuleRequest, 'wasmBinary'>,
  unknown
> = z.strictObject({ ...metadataShape, wasmBinary: z.string().min(1) }).meta({ id: 'RegisterModule' });

/** Body of a validation: the binary, with or without what is said of it. @public */
export interface ValidateModuleRequest extends Partial<ModuleMetadata> {
  readonly wasmBinary: string;
}

/** @see {@link ValidateModuleRequest} @public */
export const validateModuleSchema: z.ZodType<
  Partial<CheckedModuleMetadata> & Pick<ValidateModuleRequest, 'wasmBinary'>,
  unknown
> = z
  .strictObject({ ...metadataShape, name: moduleNameSchema.exactOptional(), wasmBinary: z.string().min(1) })
  .meta({ id: 'ValidateModule' });

const extern = z.object({
  name: z.string(),
  kind: z.enum(['function', 'memory', 'table', 'global', 'tag', 'interface', 'type', 'module', 'component']),
  type: z.string().exactOptional(),
});
const signature = z.object({
  name: z.string(),
  params: z.array(z.object({ name: z.string(), type: z.string() })),
  result: z.string().exactOptional(),
});

const servesHttp = z.enum(['component', 'command', 'handler']).nullable();

/** @see {@link ModuleView} @public */
export const moduleViewSchema: z.ZodType<ModuleView> = z
  .object({
    moduleId: moduleIdSchema,
    name: z.string(),
    version: z.string(),
    digest: z.string(),
    sizeBytes: z.int(),
    kind: z.enum(['core', 'component']),
    wasiVersion: wasiLevel,
    interfaces: z.array(z.string()).nullable(),
    imports: z.array(extern),
    exports: z.array(extern),
    functions: z.array(signature),
    isCommand: z.boolean(),
    servesHttp,
    resourceLimits: z.object({
      maxMemoryMB: z.number(),
      maxCpuPercent: z.number(),
      maxExecutionTime: durationSchema,
      maxInputSize: z.number(),
    }),
    capabilities: z.object({
      env: z.record(z.string(), z.string()),
      dirs: z.array(z.object({ name: z.string(), guestPath: z.string(), readOnly: z.boolean() })),
      allowedHosts: z.array(z.string()),
    }),
    http: moduleHttpViewSchema.nullable(),
    runtime: moduleRuntimeViewSchema,
    allowedRegions: z.array(z.string()).nullable(),
    healthCheck: healthCheckOverrideSchema,
    createdBy: z.string(),
    createdAt: timestampSchema,
  })
  .meta({ id: 'Module' });

/** @see {@link ModuleList} @public */
export const moduleListSchema: z.ZodType<ModuleList> = z
  .object({ modules: z.array(moduleViewSchema), nextCursor: z.string().nullable() })
  .meta({ id: 'ModuleList' });

/** @see {@link ModuleListQuery} @public */
export const moduleListQuerySchema: z.ZodType<
  { limit?: number | undefined; cursor?: string | undefined; name?: string | undefined },
  unknown
> = z.strictObject({ ...listQueryShape, name: moduleNameSchema.optional() });

/** @see {@link ModuleReport} @public */
export const moduleReportSchema: z.ZodType<ModuleReport> = z
  .object({
    valid: z.boolean(),
    problems: z.array(z.string()),
    kind: z.enum(['core', 'component']).exactOptional(),
    wasiVersion: wasiLevel.exactOptional(),
    sizeBytes: z.int(),
    digest: z.string(),
    imports: z.array(extern).exactOptional(),
    exports: z.array(extern).exactOptional(),
    functions: z.array(signature).exactOptional(),
    isCommand: z.boolean().exactOptional(),
    servesHttp: servesHttp.exactOptional(),
    wit: z.string().exactOptional(),
  })
  .meta({ id: 'ModuleReport' });
