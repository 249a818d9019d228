import type { StageFailure } from '../effects/effect.ts';
import { builtInSource, type RollbackTrigger } from '../model/auto-rollback.ts';
import type { Json } from '../model/json.ts';
import { metricValue, type VariantMetrics } from '../model/metrics.ts';
import { compareVariants } from './compare-variants.ts';

/**
 * Chance that a comparison of equal versions fires, over all readings of one stage together: a false alarm takes a good
 * release back.
 */
const falseAlarmLevel = 0.01;
/** Calls of each version at which comparisons of means are strongest: what a stage gets within a few minutes. */
const tunedForSamples = 1_000;

/** What one trigger came to. @internal */
export interface TriggerFinding {
  readonly trigger: RollbackTrigger;
  readonly state: 'fired' | 'quiet' | 'noData';
  readonly observed: number | null;
  readonly samples: number;
  /** Of comparisons: the old version in the same window. */
  readonly baseline?: { readonly observed: number | null; readonly samples: number };
  /** Of comparisons: `null` when the old version's value is zero, which no percentage can be worse than. */
  readonly worsePercent?: number | null;
  /** Of comparisons: method and bounds. */
  readonly comparison?: { readonly [key: string]: Json };
  /** Why there is no data. */
  readonly why?: string;
  /** The new version was measured, and the old one, which served beside it before, serves nobody any more. Absent: no. */
  readonly isPast?: true;
}

/** @internal */
export interface MeasuredVersions {
  readonly candidate: VariantMetrics;
  readonly baseline: VariantMetrics;
  /** The old version has served beside the new one, and gets no requests any more. */
  readonly isOldGone: boolean;
}

/** Holds a trigger against what was measured, or against what another source has answered. @internal */
export function findingOf(
  trigger: RollbackTrigger,
  measured: MeasuredVersions,
  outside: number | null,
): TriggerFinding {
  if (trigger.source !== undefined && trigger.source !== builtInSource)
    return byThreshold(trigger, outside, outside === null ? 0 : 1);
  if (trigger.against === 'baseline') return byComparison(trigger, measured);
  return byThreshold(trigger, metricValue(measured.candidate, trigger.metric), measured.candidate.samples);
}

function byThreshold(trigger: RollbackTrigger, observed: number | null, samples: number): TriggerFinding {
  const { threshold, comparison, minimumSamples, metric } = trigger;
  if (observed === null) return { trigger, state: 'noData', observed, samples, why: `No value of ${metric}` };
  if (samples < minimumSamples)
    return { trigger, state: 'noData', observed, samples, why: `Needs ${minimumSamples} calls, has ${samples}` };
  const isOver = comparison === 'less_than' ? observed < threshold : observed > threshold;
  return { trigger, state: isOver ? 'fired' : 'quiet', observed, samples };
}

function byComparison(trigger: RollbackTrigger, { candidate, baseline, isOldGone }: MeasuredVersions): TriggerFinding {
  const { metric, minimumSamples, threshold } = trigger;
  const { samples } = candidate;
  const old = { observed: metricValue(baseline, metric), samples: baseline.samples };
  const known = { trigger, observed: metricValue(candidate, metric), samples, baseline: old };
  if (isOldGone && known.observed !== null && samples >= minimumSamples && baseline.samples < minimumSamples) {
    const why = 'The old version gets no requests any more, so there is nothing to compare with';
    return { ...known, state: 'noData', why, isPast: true };
  }
  if (Math.min(samples, baseline.samples) < minimumSamples) {
    const why = `Needs ${minimumSamples} calls of each version, has ${samples} of the new and ${baseline.samples} of the old`;
    return { ...known, state: 'noData', why };
  }
  const compared = compareVariants(baseline, candidate, metric, { alpha: falseAlarmLevel, tunedForSamples });
  if (compared.unknown !== undefined) return { ...known, state: 'noData', why: compared.unknown };
  const rise = compared.after - compared.before;
  const worseBy = trigger.comparison === 'less_than' ? -rise : rise;
  const worsePercent = compared.before === 0 ? null : (100 * worseBy) / Math.abs(compared.before);
  const isWorse = worseBy > 0 && (worsePercent === null || worsePercent > threshold);
  const state = isWorse && compared.differs ? 'fired' : 'quiet';
  return { ...known, state, worsePercent, comparison: compared.facts };
}

const units: Readonly<Record<string, string>> = {
  error_rate: ' %',
  crash_rate: ' %',
  avg_latency_ms: ' ms',
  p50_latency_ms: ' ms',
  p95_latency_ms: ' ms',
  p99_latency_ms: ' ms',
  peak_memory_mb: ' MB',
  cpu_ms_per_call: ' ms',
};

/** The failure of a trigger that has fired. @internal */
export function firedFailure(finding: TriggerFinding): StageFailure {
  return { cause: 'trigger', message: messageOf(finding), facts: findingFacts(finding) };
}

function messageOf({ trigger, observed, baseline, worsePercent }: TriggerFinding): string {
  const unit = Object.hasOwn(units, trigger.metric) ? units[trigger.metric] : '';
  const value = (of: number | null | undefined): string => `${Number((of ?? 0).toFixed(2))}${unit}`;
  const side = trigger.comparison === 'less_than' ? 'below' : 'above';
  if (!baseline) return `${trigger.metric} is ${value(observed)}, ${side} the threshold of ${trigger.threshold}${unit}`;
  const by = typeof worsePercent === 'number' ? `${Number(worsePercent.toFixed(1))} % worse than` : 'worse than';
  return `${trigger.metric} is ${value(observed)}, ${by} the ${value(baseline.observed)} of the old version (allowed: ${trigger.threshold} %)`;
}

/** What the journal keeps of a finding. @internal */
export function findingFacts({ trigger, ...finding }: TriggerFinding): { readonly [key: string]: Json } {
  const { metric, threshold, comparison, against, source } = trigger;
  const { state, observed, samples, baseline, worsePercent, comparison: compared, why } = finding;
  return {
    metric,
    observed,
    threshold,
    comparison,
    samples,
    state,
    minimumSamples: trigger.minimumSamples,
    ...(against === undefined ? {} : { against }),
    ...(source === undefined ? {} : { source }),
    ...(trigger.query === undefined ? {} : { query: trigger.query }),
    ...(baseline === undefined ? {} : { baseline: { ...baseline } }),
    ...(worsePercent === undefined ? {} : { worsePercent }),
    ...(compared === undefined ? {} : { test: compared }),
    ...(why === undefined ? {} : { why }),
  };
}
