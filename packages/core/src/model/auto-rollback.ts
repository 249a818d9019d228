import { z } from 'zod';
import { metricNames, type MetricName } from './metrics.ts';

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
  /** Calls that the window must hold before the trigger may fire. Default 10; 0 for counts. */
  readonly minimumSamples: number;
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
    metric: z.enum(metricNames),
    threshold: z.number().min(0),
    comparison: z.enum(['greater_than', 'less_than']).default('greater_than'),
    minimumSamples: z.int().min(0).exactOptional(),
    /** Written in text 002; the unit follows from the metric, so it is checked and dropped. */
    unit: z.enum(['percent', 'ms', 'mb', 'count']).exactOptional(),
  })
  .transform(({ unit: _unit, minimumSamples, ...rest }): RollbackTrigger => ({
    ...rest,
    minimumSamples: minimumSamples ?? (rest.metric === 'memory_refusals' ? 0 : 10),
  }));

/** Reads an `autoRollback` block; a block replaces the default triggers. @public */
export const autoRollbackSchema: z.ZodType<AutoRollback, unknown> = z.strictObject({
  enabled: z.boolean().default(true),
  triggers: z
    .array(triggerSchema)
    .max(50)
    .readonly()
    .default(() => defaultAutoRollback.triggers),
});
