import { positiveDurationSchema, type Duration } from '@hotswap/core';
import { z } from 'zod';

/** What calls experienced on a node, by module and release. @public */
export interface NodeMetricsView {
  readonly nodeId: string;
  /** How far back. */
  readonly window: Duration;
  readonly modules: readonly NodeModuleMetricsView[];
}

/** @public */
export interface NodeModuleMetricsView {
  readonly moduleName: string;
  readonly releaseId: string;
  /** Admitted calls. */
  readonly calls: number;
  /** `null` without calls. */
  readonly errorRatePercent: number | null;
  readonly crashRatePercent: number | null;
  readonly latency: {
    readonly averageMs: number;
    readonly p50Ms: number;
    readonly p95Ms: number;
    readonly p99Ms: number;
  } | null;
  readonly peakMemoryBytes: number | null;
  readonly memoryRefusals: number;
  readonly cpuMsPerCall: number | null;
  readonly fuelPerCall: number | null;
  /** Mean per call of counters, mean of gauges, by the names that the module reports them under. */
  readonly custom: Readonly<Record<string, number>>;
}

const orUnknown = z.number().nullable();

/** @see {@link NodeMetricsView} @public */
export const nodeMetricsViewSchema: z.ZodType<NodeMetricsView> = z
  .object({
    nodeId: z.string(),
    window: z.string() as unknown as z.ZodType<Duration>,
    modules: z.array(
      z.object({
        moduleName: z.string(),
        releaseId: z.string(),
        calls: z.number(),
        errorRatePercent: orUnknown,
        crashRatePercent: orUnknown,
        latency: z
          .object({ averageMs: z.number(), p50Ms: z.number(), p95Ms: z.number(), p99Ms: z.number() })
          .nullable(),
        peakMemoryBytes: orUnknown,
        memoryRefusals: z.number(),
        cpuMsPerCall: orUnknown,
        fuelPerCall: orUnknown,
        custom: z.record(z.string(), z.number()),
      }),
    ),
  })
  .meta({ id: 'NodeMetrics' });

/** Query of a node's metrics. @public */
export interface NodeMetricsQuery {
  /** How far back, at most PT24H. Default PT5M. */
  readonly window?: Duration | number;
}

/** @see {@link NodeMetricsQuery} @public */
export const nodeMetricsQuerySchema: z.ZodType<{ readonly window: Duration }, unknown> = z.strictObject({
  window: positiveDurationSchema.default('PT5M'),
});
