import { z } from 'zod';
import type { Effect, EffectKind, EffectOf } from '../effects/effect.ts';
import { hotSwapError } from '../errors/hotswap-error.ts';
import { healthCheckOverrideSchema } from '../model/health-check.ts';
import { canonicalJson, deepFreeze, type Json } from '../model/json.ts';
import { metricNameSchema } from '../model/metrics.ts';
import { nodeSetSchema } from '../model/node-set.ts';
import { offPeakWindowSchema } from '../model/off-peak-window.ts';
import { mirrorCompareSchema } from '../model/traffic-mirror.ts';

/**
 * Version of the set of effects as a whole; rises when a kind is added or changes its meaning. 2: a wait may end in
 * off-peak hours only. 3: `mirror`.
 * @internal
 */
export const effectSetVersion = 3;

const timeMs = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const percent = z.number().min(0).max(100);
const text = z.string().max(10_000);
const releaseId = z.string().min(1).max(200);
const json: z.ZodType<Json> = z.json();

const latency = z.strictObject({
  averageMs: z.number(),
  varianceMs2: z.number(),
  p50Ms: z.number(),
  p95Ms: z.number(),
  p99Ms: z.number(),
  buckets: z.record(z.string().max(4), z.number().min(0)).exactOptional(),
});
const meanEstimate = z.strictObject({
  count: z.number().min(0),
  mean: z.number(),
  varianceOfMean: z.number().min(0).nullable(),
});
const variantMetrics = z.strictObject({
  samples: z.number().min(0),
  errorRatePercent: z.number().nullable(),
  crashRatePercent: z.number().nullable(),
  latency: latency.nullable(),
  peakMemoryBytes: z.number().nullable(),
  memoryRefusals: z.number().min(0),
  // Journals from before these were measured have to replay.
  cpuMsPerCall: z.number().nullable().exactOptional(),
  cpuVarianceOfMean: z.number().min(0).nullable().exactOptional(),
  fuelPerCall: z.number().nullable().exactOptional(),
  fuelVarianceOfMean: z.number().min(0).nullable().exactOptional(),
  custom: z.record(z.string(), meanEstimate).exactOptional(),
});
const criteria = z.strictObject({
  metric: metricNameSchema,
  comparison: z.enum(['lower_is_better', 'higher_is_better']),
  thresholdPercent: z.number().min(0),
  minimumSampleSize: z.int().min(0),
  significanceLevel: z.number().gt(0).lt(1).exactOptional(),
});

/**
 * One schema per kind, checked when an effect is yielded: `wait(NaN)` would be journalled as `null` and end at once.
 * @internal
 */
export const effectInputSchemas: { readonly [K in EffectKind]: z.ZodType } = {
  deploy: z.strictObject({
    nodes: nodeSetSchema,
    releaseId: releaseId.exactOptional(),
    maxInFlight: z.int().min(1).exactOptional(),
    nodeDeadlineMs: timeMs.min(1).exactOptional(),
    maxUnknown: z.int().min(0).exactOptional(),
  }),
  verify: z.strictObject({
    nodes: nodeSetSchema,
    check: healthCheckOverrideSchema.exactOptional(),
    timeoutMs: timeMs.exactOptional(),
    failure: text.exactOptional(),
  }),
  wait: z.strictObject({
    forMs: timeMs,
    reason: text,
    watch: nodeSetSchema.exactOptional(),
    check: healthCheckOverrideSchema.exactOptional(),
    failure: text.exactOptional(),
    windows: z.array(offPeakWindowSchema).min(1).max(50).readonly().exactOptional(),
  }),
  shiftTraffic: z.strictObject({
    percent,
    to: nodeSetSchema,
    among: nodeSetSchema,
    releaseId: releaseId.exactOptional(),
    timeoutMs: timeMs.exactOptional(),
  }),
  mirror: z.strictObject({
    releaseId,
    percent,
    forMs: timeMs,
    minimumSamples: z.int().min(1).exactOptional(),
    maxDifferentPercent: percent.exactOptional(),
    maxFailedPercent: percent.exactOptional(),
    compare: mirrorCompareSchema.exactOptional(),
    timeoutMs: timeMs.exactOptional(),
  }),
  observe: z.strictObject({
    forMs: timeMs,
    baseline: nodeSetSchema,
    candidate: nodeSetSchema,
    since: z.enum(['began', 'shift']).exactOptional(),
    sketches: z.boolean().exactOptional(),
    watch: nodeSetSchema.exactOptional(),
    check: healthCheckOverrideSchema.exactOptional(),
    failure: text.exactOptional(),
  }),
  judge: z.strictObject({
    baseline: variantMetrics,
    candidate: variantMetrics,
    criteria,
    method: z.string().min(1).max(100).exactOptional(),
  }),
  progress: z.strictObject({ percent, stage: text.exactOptional() }),
  pause: z.strictObject({
    reason: text,
    accepts: z
      .array(z.enum(['promote', 'retry', 'resume']))
      .min(1)
      .readonly(),
  }),
  fail: z.strictObject({
    message: text,
    cause: z.enum(['load', 'health', 'deadline', 'trigger', 'capacity', 'metrics', 'strategy']).exactOptional(),
    nodes: nodeSetSchema.exactOptional(),
    facts: json.exactOptional(),
  }),
  retire: z.strictObject({ nodes: nodeSetSchema, releaseId: releaseId.exactOptional() }),
  restore: z.strictObject({
    nodes: nodeSetSchema,
    reason: text,
    releaseId: releaseId.exactOptional(),
    timeoutMs: timeMs.exactOptional(),
  }),
  notify: z.strictObject({ text, severity: z.enum(['info', 'warning', 'critical']).exactOptional() }),
};

/** By kind. Made once: a schema costs more to make than an effect to check. */
const yieldedSchemas: ReadonlyMap<string, z.ZodType> = new Map(
  Object.entries(effectInputSchemas).map(([kind, input]) => [
    kind,
    z.strictObject({ input, scope: nodeSetSchema.exactOptional() }),
  ]),
);

/** Versions of each kind that this engine can carry out. @internal */
export const effectVersions: { readonly [K in EffectKind]: readonly number[] } = {
  deploy: [1],
  verify: [1],
  wait: [1],
  shiftTraffic: [1],
  mirror: [1],
  observe: [1],
  judge: [1],
  progress: [1],
  pause: [1],
  fail: [1],
  retire: [1],
  restore: [1],
  notify: [1],
};

/** Whether this engine knows what an effect of the kind and version means. @internal */
export function knowsEffect(effect: { readonly kind: string; readonly version: number }): boolean {
  return (
    Object.hasOwn(effectVersions, effect.kind) && effectVersions[effect.kind as EffectKind].includes(effect.version)
  );
}

/**
 * Checks what a strategy yielded, and returns it as the journal will hold it: through JSON and frozen. Defaults are not
 * filled in.
 * @throws HS_STRATEGY_INVALID_EFFECT
 * @internal
 */
export function readEffect(yielded: unknown): Effect {
  const kind = String((yielded as { kind?: unknown } | null)?.kind);
  const schema = yieldedSchemas.get(kind);
  if (yielded === null || typeof yielded !== 'object' || schema === undefined) {
    throw hotSwapError('HS_STRATEGY_INVALID_EFFECT', {
      kind,
      why: 'it is no effect: write yield* before the name of an effect',
    });
  }
  const { input, scope } = yielded as EffectOf<EffectKind>;
  const checked = schema.safeParse({ input, ...(scope === undefined ? {} : { scope }) });
  if (!checked.success) throw hotSwapError('HS_STRATEGY_INVALID_EFFECT', { kind, why: z.prettifyError(checked.error) });
  return deepFreeze(JSON.parse(canonicalJson(yielded)) as Effect);
}
