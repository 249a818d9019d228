import { z } from 'zod';
import {
  deploymentCommands,
  deploymentStatuses,
  durationMs,
  durationSchema,
  positiveDurationSchema,
} from '@hotswap/core';
import type { DeploymentCommand, DeploymentStatus, Duration } from '@hotswap/core';
import { createDeploymentSchema, type CreateDeploymentRequest } from './deployment-api.ts';
import type { ReleaseDiff } from './release-api.ts';
import { releaseDiffSchema } from './release-api.ts';
import { chosenIdSchema, labelsSchema, moduleNameSchema, regionSchema, timestampSchema } from './wire-text.ts';

/** Most nodes of a fleet that is described. @public */
export const mostSimulatedNodes = 200_000;

/** Some nodes of a fleet: those that fit every member given. Absent or `{}`: all. @public */
export interface SimulatedNodes {
  readonly nodeIds?: readonly string[];
  readonly regions?: readonly string[];
  readonly zones?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** So many percent of what fits, rounded up, chosen by the seed. Not together with `count`. */
  readonly percent?: number;
  /** So many of what fits, chosen by the seed. */
  readonly count?: number;
}

/** When a fault begins, from execute, and how long it lasts. @public */
export interface SimulatedPeriod {
  /** Default PT0S. */
  readonly at?: Duration | number;
  /** Default: to the end. */
  readonly for?: Duration | number;
}

/** What goes wrong, and when. @public */
export type SimulatedFault = SimulatedPeriod &
  (
    | { readonly kind: 'offline'; readonly nodes?: SimulatedNodes }
    /** Gone for `down`, back for `up`, and again. */
    | {
        readonly kind: 'flapping';
        readonly nodes?: SimulatedNodes;
        readonly down: Duration | number;
        readonly up: Duration | number;
      }
    /** Nodes answer so much later. */
    | { readonly kind: 'slow'; readonly nodes?: SimulatedNodes; readonly delay: Duration | number }
    /** Nodes cannot load the release, or its health check does not answer. `release` defaults to `new`. */
    | {
        readonly kind: 'loadFailure' | 'unhealthy';
        readonly nodes?: SimulatedNodes;
        readonly release?: 'new' | 'old';
        /** Name of the member of a train whose release it is. Default: whichever. */
        readonly module?: string;
      }
    /** The router serves a new route so much later. */
    | { readonly kind: 'routerLag'; readonly lag: Duration | number }
    /** No server runs; afterwards one starts that knows what the journal holds. */
    | { readonly kind: 'serverDown' }
  );

/** What calls of a release experience during a period; the last that fits counts. @public */
export interface SimulatedMetrics extends SimulatedPeriod {
  /** Default `new`. */
  readonly release?: 'new' | 'old';
  /** Name of the member of a train whose calls they are. Default: each one's. */
  readonly module?: string;
  /** Of the module as a whole; a release gets them by its share of the traffic. Default 100. */
  readonly requestsPerSecond?: number;
  /** Default 0. */
  readonly errorRatePercent?: number;
  /** Default 0. */
  readonly crashRatePercent?: number;
  /** Default 20 on average, 24 and 26 as quantiles. */
  readonly latencyMs?: { readonly average: number; readonly p95?: number; readonly p99?: number };
  /** Default 1. */
  readonly peakMemoryMb?: number;
}

/** A person at the keyboard. @public */
export interface SimulatedCommand {
  readonly at: Duration | number;
  readonly command: DeploymentCommand;
  readonly reason?: string;
  /** Name of the member of a train that is told. Default: `abort` and `rollback` go to the train, others to whose turn it is. */
  readonly module?: string;
}

/** What happens to the fleet while a deployment is simulated. Everything not told goes well. @public */
export interface SimulationScript {
  /** Time in which nodes report that a wish is fulfilled; varies by node between the two when `max` is given. Default 20 ms. */
  readonly latency?: Duration | number | { readonly min: Duration | number; readonly max: Duration | number };
  readonly faults?: readonly SimulatedFault[];
  readonly metrics?: readonly SimulatedMetrics[];
  readonly commands?: readonly SimulatedCommand[];
  /** A pause that waits for people gets its first accepted answer after this time. Default: nobody answers. */
  readonly answerPausesAfter?: Duration | number;
}

/** Nodes of a described fleet. @public */
export interface SimulatedFleet {
  /** Number of nodes by region. */
  readonly regions?: Readonly<Record<string, number>>;
  /** Further nodes, one by one. */
  readonly nodes?: readonly {
    readonly nodeId: string;
    readonly region: string;
    readonly zone?: string;
    readonly labels?: Readonly<Record<string, string>>;
    /** Whether it serves an earlier release of the module. Default `true`. */
    readonly serves?: boolean;
    readonly enabled?: boolean;
    readonly reachable?: boolean;
  }[];
  /** Whether the nodes of `regions` serve an earlier release of the module. Default `true`. */
  readonly serves?: boolean;
}

/** Under which conditions something is tried in virtual time. @public */
export interface SimulationConditions {
  /** Without it a server takes its own as it is now; a scenario file needs one. */
  readonly fleet?: SimulatedFleet;
  readonly script?: SimulationScript;
  /** The same seed gives the same run to the byte. Default 1. */
  readonly seed?: number;
  /** Longest simulated time. Default PT24H. */
  readonly until?: Duration | number;
  /** When it is executed, for off-peak windows. Default: now on a server, 1 January 2026 in a scenario file. */
  readonly startsAt?: string;
}

/** A deployment that is tried in virtual time: the body of `POST /deployments/simulate`, and a scenario file. @public */
export interface SimulateRequest extends SimulationConditions {
  readonly deployment: CreateDeploymentRequest;
}

/** Nodes that change alike. @public */
export interface SimulatedChange {
  readonly region: string;
  readonly nodeCount: number;
  /** The first 100. */
  readonly nodeIds: readonly string[];
  /** Releases that serve there now, with weights; empty: none. */
  readonly before: readonly { readonly releaseId: string; readonly weight: number }[];
  /** What serves there when the deployment has ended as simulated. */
  readonly after: readonly { readonly releaseId: string; readonly weight: number }[];
  readonly sentence: string;
}

/** Something that happened in the simulation. @public */
export interface SimulatedEvent {
  /** Since execute. */
  readonly atMs: number;
  /** `journal`: an entry of a deployment's journal; `script`: what the script did; `train`: what the train decided. */
  readonly source: 'journal' | 'script' | 'train';
  /** Which member of a train it is about; absent for what concerns all, and where there is no train. */
  readonly moduleId?: string;
  /** Type of the journal entry, or kind of the fault or command. */
  readonly type: string;
  readonly sentence: string;
  readonly progressPercent: number;
  /** Share of the module's requests that the new release gets from now on. */
  readonly trafficPercent: number;
}

/** What one deployment of a simulation came to. @public */
export interface SimulatedOutcome {
  readonly status: DeploymentStatus;
  readonly reason?: string;
  readonly verdict?: 'A' | 'B' | 'Inconclusive';
  readonly targetCount: number;
  /** What would change, on which nodes; of a deployment that does not go through, what would have been put back too. */
  readonly changes: readonly SimulatedChange[];
  /** Nodes of the target regions that would be left out, and why. The first 100. */
  readonly leftOut: readonly { readonly nodeId: string; readonly why: string }[];
  /** What is other in the release than in the one that serves now; absent without a server that knows both. */
  readonly releaseDiff?: ReleaseDiff;
  /** What the new release reached before it was proven or taken back. */
  readonly blastRadius: {
    /** Most nodes that served it at one time before it was completed. */
    readonly nodes: number;
    readonly nodesPercent: number;
    readonly trafficPercent: number;
    /** How long it got any request at all until then. */
    readonly exposedMs: number;
    /** Requests that it got until then, by the script's rates, and how many of them failed. */
    readonly requests: number;
    readonly failedRequests: number;
  };
}

/** How a simulation went, whatever was simulated. @public */
export interface SimulatedCourse {
  readonly seed: number;
  readonly startsAt: string;
  readonly timeline: readonly SimulatedEvent[];
  /** The timeline was cut after so many events; 0 when it is whole. */
  readonly eventsLeftOut: number;
  /** Why a server would refuse to execute it at `startsAt`, and when not any more; it was simulated as if it did not. */
  readonly executeRefusal?: { readonly code: string; readonly detail: string; readonly allowedAt: string };
  /** From execute to the end, or to when the simulation stopped. */
  readonly durationMs: number;
  /** Virtual nodes times events is work: how much there was. */
  readonly work: { readonly journalEntries: number; readonly wakes: number };
}

/** @public */
export interface SimulationResult extends SimulatedOutcome, SimulatedCourse {}

const period = { at: durationSchema.exactOptional(), for: positiveDurationSchema.exactOptional() };
const share = z.number().min(0).max(100);
const nodeIds = z.array(chosenIdSchema).min(1).max(10_000);
const nodes = z
  .strictObject({
    nodeIds: nodeIds.exactOptional(),
    regions: z.array(regionSchema).min(1).max(100).exactOptional(),
    zones: z.array(regionSchema).min(1).max(100).exactOptional(),
    labels: labelsSchema.exactOptional(),
    percent: share.gt(0).exactOptional(),
    count: z.int().min(1).exactOptional(),
  })
  .refine(({ percent, count }) => percent === undefined || count === undefined, {
    error: 'is the same as percent: give one of them',
    path: ['count'],
  })
  .exactOptional();
const release = z.enum(['new', 'old']).exactOptional();
const module = moduleNameSchema.exactOptional();

const fault = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('offline'), ...period, nodes }),
  z.strictObject({
    kind: z.literal('flapping'),
    ...period,
    nodes,
    down: positiveDurationSchema,
    up: positiveDurationSchema,
  }),
  z.strictObject({ kind: z.literal('slow'), ...period, nodes, delay: positiveDurationSchema }),
  z.strictObject({ kind: z.enum(['loadFailure', 'unhealthy']), ...period, nodes, release, module }),
  z.strictObject({ kind: z.literal('routerLag'), ...period, lag: positiveDurationSchema }),
  z.strictObject({ kind: z.literal('serverDown'), ...period, for: positiveDurationSchema }),
]);

const metrics = z.strictObject({
  ...period,
  release,
  module,
  requestsPerSecond: z.number().min(0).max(1e9).exactOptional(),
  errorRatePercent: share.exactOptional(),
  crashRatePercent: share.exactOptional(),
  latencyMs: z
    .strictObject({
      average: z.number().min(0),
      p95: z.number().min(0).exactOptional(),
      p99: z.number().min(0).exactOptional(),
    })
    .exactOptional(),
  peakMemoryMb: z.number().min(0).exactOptional(),
});

const latency = z.union([
  durationSchema,
  z
    .strictObject({ min: durationSchema, max: durationSchema })
    .refine(({ min, max }) => durationMs(min) <= durationMs(max), {
      error: 'must not be less than min',
      path: ['max'],
    }),
]);

/** @see {@link SimulationScript} @public */
export const simulationScriptSchema: z.ZodType<SimulationScript, unknown> = z
  .strictObject({
    latency: latency.exactOptional(),
    faults: z.array(fault).max(1_000).exactOptional(),
    metrics: z.array(metrics).max(1_000).exactOptional(),
    commands: z
      .array(
        z.strictObject({
          at: durationSchema,
          command: z.enum(deploymentCommands),
          reason: z.string().min(1).max(2_000).exactOptional(),
          module,
        }),
      )
      .max(100)
      .exactOptional(),
    answerPausesAfter: durationSchema.exactOptional(),
  })
  .meta({ id: 'SimulationScript' });

/** @see {@link SimulatedFleet} @public */
export const simulatedFleetSchema: z.ZodType<SimulatedFleet, unknown> = z
  .strictObject({
    regions: z.record(regionSchema, z.int().min(1).max(mostSimulatedNodes)).exactOptional(),
    serves: z.boolean().exactOptional(),
    nodes: z
      .array(
        z.strictObject({
          nodeId: chosenIdSchema,
          region: regionSchema,
          zone: regionSchema.exactOptional(),
          labels: labelsSchema.exactOptional(),
          serves: z.boolean().exactOptional(),
          enabled: z.boolean().exactOptional(),
          reachable: z.boolean().exactOptional(),
        }),
      )
      .max(10_000)
      .exactOptional(),
  })
  .refine((fleet) => sizeOf(fleet as SimulatedFleet) > 0, { error: 'must have a node: give regions or nodes' })
  .refine((fleet) => sizeOf(fleet as SimulatedFleet) <= mostSimulatedNodes, {
    error: `must not have more than ${String(mostSimulatedNodes)} nodes`,
    path: ['regions'],
  })
  .meta({ id: 'SimulatedFleet' });

function sizeOf({ regions = {}, nodes: single = [] }: SimulatedFleet): number {
  return Object.values(regions).reduce((sum, count) => sum + count, single.length);
}

/** Schemas of a type's members, to be put into schemas of larger ones. */
type ShapeOf<Value> = {
  readonly [Key in keyof Value]-?: Record<never, never> extends Pick<Value, Key>
    ? z.ZodExactOptional<z.ZodType<Value[Key], unknown>>
    : z.ZodType<Value[Key], unknown>;
};

/** @internal */
export const simulationConditionsShape: ShapeOf<SimulationConditions> = {
  fleet: simulatedFleetSchema.exactOptional(),
  script: simulationScriptSchema.exactOptional(),
  seed: z.int().min(0).max(0xffff_ffff).exactOptional(),
  until: positiveDurationSchema.exactOptional(),
  startsAt: timestampSchema.exactOptional(),
};

/** @see {@link SimulateRequest} @public */
export const simulateRequestSchema: z.ZodType<
  Omit<SimulateRequest, 'deployment'> & { readonly deployment: z.output<typeof createDeploymentSchema> },
  unknown
> = z
  .strictObject({
    deployment: createDeploymentSchema,
    ...simulationConditionsShape,
  })
  .meta({ id: 'SimulateRequest' });

const served = z.array(z.object({ releaseId: z.string(), weight: z.number() }));

/** @internal */
export const simulatedOutcomeShape: ShapeOf<SimulatedOutcome> = {
  status: z.enum(deploymentStatuses),
  reason: z.string().exactOptional(),
  verdict: z.enum(['A', 'B', 'Inconclusive']).exactOptional(),
  targetCount: z.int(),
  changes: z.array(
    z.object({
      region: z.string(),
      nodeCount: z.int(),
      nodeIds: z.array(z.string()),
      before: served,
      after: served,
      sentence: z.string(),
    }),
  ),
  leftOut: z.array(z.object({ nodeId: z.string(), why: z.string() })),
  releaseDiff: releaseDiffSchema.exactOptional(),
  blastRadius: z.object({
    nodes: z.int(),
    nodesPercent: z.number(),
    trafficPercent: z.number(),
    exposedMs: z.number(),
    requests: z.int(),
    failedRequests: z.int(),
  }),
};

/** @internal */
export const simulatedCourseShape: ShapeOf<SimulatedCourse> = {
  seed: z.int(),
  startsAt: timestampSchema,
  timeline: z.array(
    z.object({
      atMs: z.number(),
      source: z.enum(['journal', 'script', 'train']),
      moduleId: z.string().exactOptional(),
      type: z.string(),
      sentence: z.string(),
      progressPercent: z.number(),
      trafficPercent: z.number(),
    }),
  ),
  eventsLeftOut: z.int(),
  executeRefusal: z.object({ code: z.string(), detail: z.string(), allowedAt: timestampSchema }).exactOptional(),
  durationMs: z.number(),
  work: z.object({ journalEntries: z.int(), wakes: z.int() }),
};

/** @see {@link SimulationResult} @public */
export const simulationResultSchema: z.ZodType<SimulationResult> = z
  .object({ ...simulatedOutcomeShape, ...simulatedCourseShape })
  .meta({ id: 'SimulationResult' });
