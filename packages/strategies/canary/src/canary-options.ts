import { z } from 'zod';
import {
  positiveDurationSchema,
  refuseTwoHealthFunctions,
  settleHealthFunction,
  strategyHealthCheckShape,
  type Duration,
  type StrategyHealthCheck,
} from '@hotswap/core';
import { stagesFromIncrements } from './canary-plan.ts';

/** Configuration of the Canary strategy with every default filled in. @public */
export interface CanaryConfig extends StrategyHealthCheck {
  /** Percent of nodes and of requests at each stage, rising, the last one 100. Default 10, 25, 50, 100. */
  readonly stages: readonly number[];
  /** How long each stage is watched before the next. Default PT5M. */
  readonly evaluationPeriod: Duration;
  /** `false`: a person promotes each stage to the next. Default `true`. */
  readonly autoPromote: boolean;
}

const percentage = z.number().gt(0).max(100);

const stagesSchema = z
  .array(percentage)
  .min(1)
  .max(100)
  .superRefine((stages, context) => {
    stages.forEach((percent, index) => {
      const before = stages[index - 1];
      if (before !== undefined && percent <= before)
        context.addIssue({
          code: 'custom',
          path: [index],
          message: `must be above the stage before it (${String(before)})`,
        });
    });
    if (stages.at(-1) !== 100)
      context.addIssue({
        code: 'custom',
        path: [stages.length - 1],
        message: 'the last stage must be 100: a canary ends on all nodes',
      });
  });

const written = z
  .strictObject({
    stages: stagesSchema.exactOptional(),
    /** Percent of the first stage, in the form without `stages`. Default 10. */
    initialPercentage: percentage.exactOptional(),
    // Below one percent a typo would make thousands of stages.
    /** Percent that each stage adds to the one before it, up to 100. Default 25. */
    incrementPercentage: percentage.min(1).exactOptional(),
    evaluationPeriod: positiveDurationSchema.default('PT5M'),
    autoPromote: z.boolean().default(true),
    ...strategyHealthCheckShape,
  })
  .superRefine((config, context) => {
    const incremental = config.initialPercentage !== undefined || config.incrementPercentage !== undefined;
    if (config.stages !== undefined && incremental) {
      context.addIssue({
        code: 'custom',
        path: ['stages'],
        message: 'says the same as initialPercentage and incrementPercentage: give one of the two forms',
      });
    }
    refuseTwoHealthFunctions(config, context);
  });

/**
 * Reads both forms of a canary (STR-1, STR-2): stages, or a first percentage with an increment, which become stages
 * 10 and 25 are 10, 35, 60, 85, 100). Unknown keys are refused.
 * @public
 */
export const canaryConfigSchema: z.ZodType<CanaryConfig, unknown> = written
  .transform(({ initialPercentage, incrementPercentage, stages, ...config }): CanaryConfig => {
    const incremental = initialPercentage !== undefined || incrementPercentage !== undefined;
    return {
      ...settleHealthFunction(config),
      stages:
        stages ??
        (incremental ? stagesFromIncrements(initialPercentage ?? 10, incrementPercentage ?? 25) : [10, 25, 50, 100]),
    };
  })
  .prefault({});
