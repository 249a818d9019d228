import { z } from 'zod';
import { metricNameSchema, type MetricName } from './metrics.ts';

/**
 * A bound on a metric of the new release; crossing it ends the rollout and restores the baseline.
 * @public
 */
export interface RollbackTrigger {
  readonly metric: MetricName;
  /** Bound in the metric's own unit (percent, milliseconds, mebibytes, a count). */
  readonly threshold: number;
  /** `greater_than` fires above the threshold (default), `less_than` below it. */
  readonly comparison: 'greater_than' | 'less_than';
  /** Calls that the window must hold before the trigger may fire. Default 10; 0 for counts and outside sources. */
  readonly minimumSamples: number;
  /**
   * What the threshold is held against. `threshold`: the metric itself (default). `baseline`: percent by which the new
   * version is worse than the old one in the same window; fires only when chance does not explain the difference.
   */
  readonly against?: 'threshold' | 'baseline';
  /** Name of the metrics source that is asked. Default `hotswap`: what the nodes have reported. */
  readonly source?: string;
  /** What to ask a source that has a language of its own; variables are filled in by the source. */
  readonly query?: string;
  /**
   * What a period of watching does at its end when the trigger never had data. `ignore`: the health check decides.
   * `pause`: the rollout pauses until a person resumes it or takes it back (D-5). Absent: `pause` for business metrics and
   * for other sources, which nobody configures by chance; else `ignore`.
   */
  readonly onNoData?: 'ignore' | 'pause';
}

/** Source of what nodes have reported. @public */
export const builtInSource = 'hotswap';

/** Whether a trigger without data pauses the rollout (D-5). @public */
export function pausesWithoutData({ metric, source, onNoData }: RollbackTrigger): boolean {
  const isChosen = metric.startsWith('custom:') || (source !== undefined && source !== builtInSource);
  return (onNoData ?? (isChosen ? 'pause' : 'ignore')) === 'pause';
}

/** When a rollout is rolled back by itself. @public */
export interface AutoRollback {
  /** `false` leaves only the health check in charge. Default `true`. */
  readonly enabled: boolean;
  readonly triggers: readonly RollbackTrigger[];
}

/**
 * What holds without an `autoRollback` block: crashes above 5 %, errors above 10 %, memory over its limit.
 * @public
 */
export const defaultAutoRollback: AutoRollback = {
  enabled: true,
  triggers: [
    { metric: 'crash_rate', threshold: 5, comparison: 'greater_than', minimumSamples: 10 },
    { metric: 'error_rate', threshold: 10, comparison: 'greater_than', minimumSamples: 10 },
    { metric: 'memory_refusals', threshold: 0, comparison: 'greater_than', minimumSamples: 0 },
  ],
};

const triggerSchema = z
  .strictObject({
    metric: metricNameSchema,
    threshold: z.number().min(0),
    comparison: z.enum(['greater_than', 'less_than']).default('greater_than'),
    minimumSamples: z.int().min(0).exactOptional(),
    /** Written in text 002; the unit follows from the metric, so it is checked and dropped. */
    unit: z.enum(['percent', 'ms', 'mb', 'count']).exactOptional(),
    against: z.enum(['threshold', 'baseline']).exactOptional(),
    source: z.string().min(1).max(100).exactOptional(),
    query: z.string().min(1).max(10_000).exactOptional(),
    onNoData: z.enum(['ignore', 'pause']).exactOptional(),
  })
  .superRefine((trigger, context) => {
    const issue = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    const isOutside = trigger.source !== undefined && trigger.source !== builtInSource;
    if (isOutside && trigger.query === undefined) issue('query', 'is what the source is asked: it is needed');
    if (isOutside && !trigger.metric.startsWith('custom:'))
      issue('metric', 'names the answer of an outside source: write custom: and a name');
    if (!isOutside && trigger.query !== undefined) issue('query', 'needs a source that has a query language');
    if (trigger.against === 'baseline' && trigger.metric === 'memory_refusals')
      issue('against', 'any refusal of memory counts by itself: it is not compared');
    if (trigger.against === 'baseline' && trigger.metric === 'peak_memory_mb')
      issue('against', 'a peak is one number without a spread, so chance cannot be told from change: use a threshold');
    if (trigger.against === 'baseline' && isOutside)
      issue('against', 'an outside source answers one number: compare the versions in the query itself');
  })
  .transform(({ unit: _unit, minimumSamples, ...rest }): RollbackTrigger => ({
    ...rest,
    minimumSamples: minimumSamples ?? defaultMinimumSamples(rest),
  }));

function defaultMinimumSamples({ metric, source }: Pick<RollbackTrigger, 'metric' | 'source'>): number {
  return metric === 'memory_refusals' || (source !== undefined && source !== builtInSource) ? 0 : 10;
}

/** Reads an `autoRollback` block; a block replaces the default triggers. @public */
export const autoRollbackSchema: z.ZodType<AutoRollback, unknown> = z.strictObject({
  enabled: z.boolean().default(true),
  triggers: z
    .array(triggerSchema)
    .max(50)
    .readonly()
    .default(() => defaultAutoRollback.triggers),
});
