import { z } from 'zod';
import {
  durationMs,
  metricNameSchema,
  positiveDurationSchema,
  refuseTwoHealthFunctions,
  settleHealthFunction,
  strategyHealthCheckShape,
  type Duration,
  type MetricName,
  type StrategyHealthCheck,
} from '@hotswap/core';

/** Configuration of the ABTesting strategy with every default filled in. @public */
export interface ABTestingConfig extends StrategyHealthCheck {
  /** Percent of nodes and of requests that variant B gets, above 0 and below 100. Default 20. */
  readonly variantBPercentage: number;
  /** Longest time that the experiment takes; it ends with the first verdict. Default PT2H. */
  readonly experimentDuration: Duration;
  /** What is measured, which way is better, and by how much variant B has to be. */
  readonly winnerCriteria: {
    /** What decides. Default `avg_latency_ms`. */
    readonly metric: MetricName;
    /** Improvement in percent from which a variant wins, when chance does not explain it. Default 10. */
    readonly threshold: number;
    /** Default `lower_is_better`; has to be said of business metrics. */
    readonly comparison: 'lower_is_better' | 'higher_is_better';
  };
  /** Calls of each variant before there can be a verdict. Default 1,000. */
  readonly minimumSampleSize: number;
  /** Chance that equals get a winner, over all looks together. Default 0.05. */
  readonly significanceLevel: number;
  /** Time between two looks at the figures. Default PT1M. */
  readonly lookInterval: Duration;
  /**
   * What follows when the time is over without a verdict. `rollback` keeps variant A, `pause` asks a person, `extend` goes on
   * measuring. Default `rollback`.
   */
  readonly onInconclusive: 'rollback' | 'pause' | 'extend';
  /** How often `extend` adds another `experimentDuration`; then variant A is kept. Default 1. */
  readonly maxExtensions: number;
  /** `separate`: variant B has nodes of its own. `in-place`: every node has both variants. Default `separate`. */
  readonly placement: 'separate' | 'in-place';
}

/** Looks of one experiment: each is journalled. */
const mostLooks = 1_000;

const criteriaSchema = z
  .strictObject({
    metric: metricNameSchema.default('avg_latency_ms'),
    threshold: z.number().min(0).max(10_000).default(10),
    comparison: z.enum(['lower_is_better', 'higher_is_better']).exactOptional(),
  })
  .superRefine(({ metric, comparison }, context) => {
    const issue = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    const isBusiness = metric.startsWith('custom:');
    if (metric === 'peak_memory_mb' || metric === 'memory_refusals')
      issue('metric', 'has no spread that chance could be told from: watch it with a rollback trigger instead');
    else if (isBusiness && comparison === undefined)
      issue('comparison', 'has to be said of a business metric: lower_is_better or higher_is_better');
    else if (!isBusiness && comparison === 'higher_is_better') issue('comparison', `lower is better for ${metric}`);
  })
  .transform(({ comparison = 'lower_is_better', ...rest }) => ({ ...rest, comparison }))
  .prefault({});

const written = z
  .strictObject({
    variantBPercentage: z.number().gt(0).lt(100).default(20),
    experimentDuration: positiveDurationSchema.default('PT2H'),
    winnerCriteria: criteriaSchema,
    minimumSampleSize: z.int().min(1).max(1_000_000_000).default(1_000),
    significanceLevel: z.number().min(0.000_001).max(0.5).default(0.05),
    lookInterval: positiveDurationSchema.default('PT1M'),
    onInconclusive: z.enum(['rollback', 'pause', 'extend']).default('rollback'),
    maxExtensions: z.int().min(1).max(100).exactOptional(),
    placement: z.enum(['separate', 'in-place']).default('separate'),
    ...strategyHealthCheckShape,
  })
  .superRefine((config, context) => {
    const issue = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    const looks = Math.ceil(durationMs(config.experimentDuration) / durationMs(config.lookInterval));
    if (looks > mostLooks)
      issue('lookInterval', `makes ${looks} looks, and ${mostLooks} are the most: each is journalled`);
    // The default may be written: a configuration that was read has to be readable once more, inside another strategy.
    if ((config.maxExtensions ?? 1) !== 1 && config.onInconclusive !== 'extend')
      issue('maxExtensions', 'needs onInconclusive: "extend"');
    refuseTwoHealthFunctions(config, context);
  });

/**
 * Reads a `strategyConfig` of ABTesting (STR-7, X-10). Unknown keys are refused.
 * @public
 */
export const abTestingConfigSchema: z.ZodType<ABTestingConfig, unknown> = written
  .transform(({ maxExtensions = 1, ...config }): ABTestingConfig => ({
    ...settleHealthFunction(config),
    maxExtensions,
  }))
  .prefault({});
