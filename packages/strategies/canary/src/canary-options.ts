import { z } from 'zod';
import { positiveDurationSchema, type Duration, type HealthCheckOverride } from '@hotswap/core';
import { stagesFromIncrements } from './canary-plan.ts';

/** Configuration of the Canary strategy with every default filled in. @public */
export interface CanaryConfig {
  /** Percent of nodes and of requests at each stage, rising, the last one 100. Default 10, 25, 50, 100. */
  readonly stages: readonly number[];
  /** How long each stage is watched before the next. Default PT5M. */
  readonly evaluationPeriod: Duration;
  /** `false`: a person promotes each stage to the next. Default `true`. */
  readonly autoPromote: boolean;
  /** Function that is asked. Absent: the deployment's or the module's own. */
  readonly healthCheckFunction?: string;
  /** Good answers in a row that make a node healthy. Absent: the deployment's or the module's own. */
  readonly successThreshold?: number;
  /** Bad answers in a row that make a node unhealthy. Absent: the deployment's or the module's own. */
  readonly failureThreshold?: number;
}

const percentage = z.number().gt(0).max(100);
const threshold = z.int().min(1).max(1_000);

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
    healthCheckFunction: z.string().min(1).max(200).exactOptional(),
    /** The same key as `healthCheckFunction`; give one of them. */
    functionName: z.string().min(1).max(200).exactOptional(),
    successThreshold: threshold.exactOptional(),
    failureThreshold: threshold.exactOptional(),
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
    if (
      config.healthCheckFunction !== undefined &&
      config.functionName !== undefined &&
      config.healthCheckFunction !== config.functionName
    ) {
      context.addIssue({
        code: 'custom',
        path: ['functionName'],
        message: 'is the same key as healthCheckFunction: give one of them',
      });
    }
  });

/**
 * Reads both forms of a canary (STR-1, STR-2): stages, or a first percentage with an increment, which become stages
 * 10 and 25 are 10, 35, 60, 85, 100). Unknown keys are refused.
 * @public
 */
export const canaryConfigSchema: z.ZodType<CanaryConfig, unknown> = written
  .transform(({ initialPercentage, incrementPercentage, functionName, stages, ...config }): CanaryConfig => {
    const incremental = initialPercentage !== undefined || incrementPercentage !== undefined;
    const named = config.healthCheckFunction ?? functionName;
    return {
      ...config,
      ...(named === undefined ? {} : { healthCheckFunction: named }),
      stages:
        stages ??
        (incremental ? stagesFromIncrements(initialPercentage ?? 10, incrementPercentage ?? 25) : [10, 25, 50, 100]),
    };
  })
  .prefault({});

/** The health check keys among them. @internal */
export function canaryHealthCheck(config: CanaryConfig): HealthCheckOverride {
  return {
    ...(config.healthCheckFunction === undefined ? {} : { functionName: config.healthCheckFunction }),
    ...(config.successThreshold === undefined ? {} : { successThreshold: config.successThreshold }),
    ...(config.failureThreshold === undefined ? {} : { failureThreshold: config.failureThreshold }),
  };
}
