import { z } from 'zod';
import { defaultModuleRuntime, digestSchema, durationSchema, healthCheckSchema } from '@hotswap/core';
import type {
  Capabilities,
  DesiredModule,
  DesiredRelease,
  DesiredState,
  Json,
  LatencySketch,
  ObservedRelease,
  ObservedState,
  ReleaseCallDelta,
  ResourceLimits,
} from '@hotswap/core';
import { moduleHttpViewSchema, moduleRuntimeViewSchema } from './module-serving.ts';
import { chosenIdSchema, jsonSchema, labelsSchema, regionSchema } from './wire-text.ts';

/** Milliseconds between keep-alive comments on a desired-state stream. @public */
export const desiredKeepAliveMs: number = 10_000;

/** What a node says of itself when it joins, and again at each start. @public */
export interface NodeRegistration {
  readonly nodeId: string;
  readonly hostname: string;
  readonly region: string;
  readonly zone?: string;
  /** Default none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Name of the runtime host, e.g. `Wasmtime`. */
  readonly runtime: string;
  readonly runtimeVersion: string;
  /** What the runtime can do, as its `RuntimeCapabilities`. */
  readonly capabilities: Readonly<Record<string, Json>>;
  readonly maxModules: number;
  readonly hardware: { readonly cpuCores: number; readonly totalMemoryMB: number; readonly architecture: string };
  /** Origin of the node's invoke port as the gateway reaches it, e.g. `http://127.0.0.1:40123`: no path. */
  readonly dataPlaneUrl: string;
  /** Base URL under which anyone reaches its public modules, e.g. `https://edge-7.example.org`. Absent: it has no public port. */
  readonly publicUrl?: string;
  /** Ed25519 key of the node as a JWK. Absent: the credential alone identifies it. */
  readonly publicKey?: Readonly<Record<string, Json>>;
}

/** Answer to a join. The credential is shown this once. @public */
export interface NodeRegistered {
  readonly nodeId: string;
  /** Bearer token of the node for everything after. */
  readonly credential: string;
  /** Ed25519 JWK that verifies invoke tokens. */
  readonly serverPublicKey: Readonly<Record<string, Json>>;
  readonly tenant: string;
}

/** Answer to a start with a stored credential. @public */
export interface NodeSession {
  readonly serverPublicKey: Readonly<Record<string, Json>>;
}

/** What a node reports. @public */
export interface Heartbeat {
  /**
   * Made at each start of the agent; begins with the start's Unix milliseconds in 13 digits, so that a later one sorts
   * after an earlier one: `1763697600000-9f2c4e1a`.
   */
  readonly bootId: string;
  /** From 1, by one with every new content; the same number again means the same report again. */
  readonly sequence: number;
  readonly observed: ObservedState;
  readonly metrics: readonly ReleaseCallDelta[];
  readonly resources: {
    readonly cpuUsagePercent: number;
    readonly memoryUsageMB: number;
    readonly modulesLoaded: number;
  };
  /** Releases that were made ready since the last report: how many took how long, as a sketch. Absent: none. */
  readonly loads?: { readonly sumMs: number; readonly buckets: LatencySketch };
}

/** Question of an agent that asks for the stream of its desired state. @public */
export interface DesiredQuery {
  /**
   * That of its heartbeats: an agent that another one has followed gets 410 in place of a stream. Absent: agents before
   * this; the last stream of a node ends the others all the same.
   */
  readonly bootId?: string;
}

/** Answer to a heartbeat. @public */
export interface HeartbeatAnswer {
  /** Generation of the node's desired state; above the applied one the agent asks for it if no stream brought it. */
  readonly generation: number;
  readonly heartbeatIntervalMs: number;
}

/** Body of a call to a function, from the API through the gateway to the node. @public */
export interface InvokeRequest {
  /** Values as JSON, in order; texts for WASI commands. Default none. */
  readonly args?: readonly Json[];
  /** Base64; WASI commands only. */
  readonly stdin?: string;
  /** Laid over the release's environment; WASI commands only. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Answer of a node to a call; the API adds `nodeId`. @public */
export interface InvokeAnswer {
  readonly result: Json;
  /** Base64; commands only. */
  readonly stdout?: string;
  /** Base64; commands only. */
  readonly stderr?: string;
  readonly exitCode?: number;
  readonly moduleId: string;
  readonly releaseId: string;
  readonly durationMs: number;
  /** Only of modules whose fuel is metered. */
  readonly fuelUsed?: number;
  /** Filled by the gateway. */
  readonly nodeId?: string;
}

const publicKey = z.record(z.string().max(20), jsonSchema);
const count = z.int().min(0);
const finite = z.number().min(0);

/** Paths of calls begin at the root there, and nothing could be sent to an address with more in it. */
function isOrigin(url: string): boolean {
  const { origin, href } = URL.parse(url) ?? { origin: '', href: url };
  return href === `${origin}/`;
}

/** @see {@link NodeRegistration} @public */
export const nodeRegistrationSchema: z.ZodType<NodeRegistration, unknown> = z
  .strictObject({
    nodeId: chosenIdSchema,
    hostname: z.string().min(1).max(253),
    region: regionSchema,
    zone: regionSchema.exactOptional(),
    labels: labelsSchema.exactOptional(),
    runtime: z.string().min(1).max(60),
    runtimeVersion: z.string().min(1).max(60),
    capabilities: z.record(z.string().max(60), jsonSchema),
    maxModules: z.int().min(1).max(1_000_000),
    hardware: z.strictObject({
      cpuCores: z.number().positive().max(1_000_000),
      // Shares of it are calculated with.
      totalMemoryMB: z.number().min(1).max(1_000_000_000_000),
      architecture: z.string().min(1).max(60),
    }),
    dataPlaneUrl: z
      .url({ protocol: /^https?$/ })
      .max(500)
      .refine(isOrigin, { error: 'must be scheme, host and port alone, such as http://10.0.0.7:40123' }),
    publicUrl: z
      .url({ protocol: /^https?$/ })
      .max(500)
      .exactOptional(),
    publicKey: publicKey.exactOptional(),
  })
  .meta({ id: 'NodeRegistration' });

/** @see {@link NodeRegistered} @public */
export const nodeRegisteredSchema: z.ZodType<NodeRegistered> = z
  .strictObject({
    nodeId: z.string(),
    credential: z.string(),
    serverPublicKey: publicKey,
    tenant: z.string(),
  })
  .meta({ id: 'NodeRegistered' });

/** @see {@link NodeSession} @public */
export const nodeSessionSchema: z.ZodType<NodeSession> = z
  .strictObject({ serverPublicKey: publicKey })
  .meta({ id: 'NodeSession' });

const observedReleaseSchema: z.ZodType<ObservedRelease, unknown> = z.strictObject({
  moduleName: z.string().max(100),
  releaseId: z.string().max(100),
  state: z.enum(['loading', 'ready', 'failed']),
  error: z.strictObject({ code: z.string().max(100), message: z.string().max(2_000) }).exactOptional(),
  health: z
    .strictObject({
      round: z.string().max(200),
      state: z.enum(['unknown', 'healthy', 'unhealthy']),
      consecutiveSuccesses: count,
      consecutiveFailures: count,
      message: z.string().max(2_000).exactOptional(),
    })
    .exactOptional(),
});

/** @see {@link ObservedState} @public */
export const observedStateSchema: z.ZodType<ObservedState, unknown> = z.strictObject({
  generation: count,
  releases: z.array(observedReleaseSchema).max(10_000),
  epochs: z.record(z.string().max(100), z.int().min(0).max(1_000_000_000_000)).exactOptional(),
});

const sketchSchema = z.record(z.string().regex(/^\d{1,3}$/), count);

/** Series that a module may report: as many as a runtime lets it have, with room for its labels. */
const mostSeries = 200;
function seriesSchema(value: z.ZodType<number>): z.ZodType<Readonly<Record<string, number>>> {
  return z
    .record(z.string().min(1).max(1_500), value)
    .refine((series) => Object.keys(series).length <= mostSeries, { error: `must be ${mostSeries} series at most` });
}

/** @see {@link ReleaseCallDelta} @public */
export const releaseCallDeltaSchema: z.ZodType<ReleaseCallDelta, unknown> = z.strictObject({
  moduleName: z.string().max(100),
  releaseId: z.string().max(100),
  calls: count,
  errors: count,
  crashes: count,
  latencySumMs: finite,
  latencySumSquaresMs2: finite,
  latencyBuckets: sketchSchema,
  peakMemoryBytes: count,
  memoryRefusals: count,
  cpuMs: finite.exactOptional(),
  fuelUsed: finite.exactOptional(),
  counters: seriesSchema(finite).exactOptional(),
  gauges: seriesSchema(z.number()).exactOptional(),
});

const bootIdSchema = z
  .string()
  .regex(/^\d{13}-[0-9A-Za-z-]{1,50}$/, 'must be 13 digits of Unix milliseconds, a - and something random');

/** @see {@link DesiredQuery} @public */
export const desiredQuerySchema: z.ZodType<DesiredQuery, unknown> = z.object({ bootId: bootIdSchema.exactOptional() });

/** @see {@link Heartbeat} @public */
export const heartbeatSchema: z.ZodType<Heartbeat, unknown> = z
  .strictObject({
    bootId: bootIdSchema,
    sequence: z.int().min(1),
    observed: observedStateSchema,
    metrics: z.array(releaseCallDeltaSchema).max(10_000),
    resources: z.strictObject({ cpuUsagePercent: finite, memoryUsageMB: finite, modulesLoaded: count }),
    loads: z.strictObject({ sumMs: finite, buckets: sketchSchema }).exactOptional(),
  })
  .meta({ id: 'Heartbeat' });

/** @see {@link HeartbeatAnswer} @public */
export const heartbeatAnswerSchema: z.ZodType<HeartbeatAnswer> = z
  .object({ generation: count, heartbeatIntervalMs: z.number().positive() })
  .meta({ id: 'HeartbeatAnswer' });

const capabilitiesSchema: z.ZodType<Capabilities> = z.object({
  env: z.record(z.string(), z.string()),
  dirs: z.array(z.object({ name: z.string(), guestPath: z.string(), readOnly: z.boolean() })),
  allowedHosts: z.array(z.string()),
});

const resourceLimitsSchema: z.ZodType<ResourceLimits, unknown> = z.object({
  maxMemoryMB: z.number(),
  maxCpuPercent: z.number(),
  maxExecutionTime: durationSchema,
  maxInputSize: z.number(),
});

const desiredReleaseSchema: z.ZodType<DesiredRelease, unknown> = z.object({
  releaseId: z.string(),
  moduleId: z.string(),
  version: z.string(),
  digest: digestSchema,
  sizeBytes: count,
  config: z.record(z.string(), jsonSchema),
  capabilities: capabilitiesSchema,
  resourceLimits: resourceLimitsSchema,
  // A server of the version before does not know them.
  http: moduleHttpViewSchema.nullable().default(null),
  runtime: moduleRuntimeViewSchema.default(defaultModuleRuntime),
  weight: finite,
  probe: z.object({ round: z.string(), check: healthCheckSchema }).exactOptional(),
});

const desiredModuleSchema: z.ZodType<DesiredModule, unknown> = z.object({
  moduleName: z.string(),
  epoch: count,
  releases: z.array(desiredReleaseSchema),
});

/** Reads a desired state from the stream; members that this version does not know are passed over. @public */
export const desiredStateSchema: z.ZodType<DesiredState, unknown> = z.object({
  nodeId: z.string(),
  generation: count,
  modules: z.array(desiredModuleSchema),
  heartbeatIntervalMs: z.number().positive(),
});

/** @see {@link InvokeRequest} @public */
export const invokeRequestSchema: z.ZodType<InvokeRequest, unknown> = z
  .strictObject({
    args: z.array(jsonSchema).max(1_000).exactOptional(),
    stdin: z.string().exactOptional(),
    env: z.record(z.string().min(1).max(1_000), z.string()).exactOptional(),
  })
  .meta({ id: 'InvokeRequest' });

/** @see {@link InvokeAnswer} @public */
export const invokeAnswerSchema: z.ZodType<InvokeAnswer> = z
  .object({
    result: jsonSchema,
    stdout: z.string().exactOptional(),
    stderr: z.string().exactOptional(),
    exitCode: z.int().exactOptional(),
    moduleId: z.string(),
    releaseId: z.string(),
    durationMs: finite,
    fuelUsed: finite.exactOptional(),
    nodeId: z.string().exactOptional(),
  })
  .meta({ id: 'InvokeAnswer' });

/** Headers of the node's invoke port, in lower case. @public */
export const invokeHeaders: {
  readonly release: string;
  readonly sticky: string;
  readonly timeoutMs: string;
  readonly requestId: string;
  readonly traceparent: string;
} = {
  release: 'x-hotswap-release',
  sticky: 'x-hotswap-sticky',
  timeoutMs: 'x-hotswap-timeout-ms',
  requestId: 'x-request-id',
  traceparent: 'traceparent',
};
