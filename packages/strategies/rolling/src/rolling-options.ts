import { z } from 'zod';
import { durationSchema, positiveDurationSchema, type Duration, type HealthCheckOverride } from '@hotswap/core';

/** Configuration of the Rolling strategy with every default filled in. @public */
export interface RollingConfig {
  /** Nodes that are replaced at one time. Default 1. */
  readonly batchSize: number;
  /** Time between two batches, watched by health checks and triggers; none after the last. Default PT0S. */
  readonly batchDelay: Duration;
  /** Time that the nodes of a batch have for their health verdict. Default PT10S. */
  readonly healthCheckTimeout: Duration;
  /** `true`: a failed batch stops the rollout for a person to decide. `false`: it is rolled back. Default `true`. */
  readonly pauseOnFailure: boolean;
  /** Function that is asked. Absent: the deployment's or the module's own. */
  readonly healthCheckFunction?: string;
  /** Good answers in a row that make a node healthy. Absent: the deployment's or the module's own. */
  readonly successThreshold?: number;
  /** Bad answers in a row that make a node unhealthy. Absent: the deployment's or the module's own. */
  readonly failureThreshold?: number;
}

const functionName = z.string().min(1).max(200);
const threshold = z.int().min(1).max(1_000);

/** Reads a `strategyConfig` of Rolling; unknown keys are refused. @public */
export const rollingConfigSchema: z.ZodType<RollingConfig, unknown> = z
  .strictObject({
    batchSize: z.int().min(1).max(100_000).default(1),
    batchDelay: durationSchema.default('PT0S'),
    healthCheckTimeout: positiveDurationSchema.default('PT10S'),
    pauseOnFailure: z.boolean().default(true),
    healthCheckFunction: functionName.exactOptional(),
    /** The same key as `healthCheckFunction`; give one of them. */
    functionName: functionName.exactOptional(),
    successThreshold: threshold.exactOptional(),
    failureThreshold: threshold.exactOptional(),
  })
  .superRefine((config, context) => {
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
  })
  .transform(({ functionName: alias, ...config }): RollingConfig => {
    const named = config.healthCheckFunction ?? alias;
    return { ...config, ...(named === undefined ? {} : { healthCheckFunction: named }) };
  })
  .prefault({});

/** The health check keys among them. @internal */
export function rollingHealthCheck(config: RollingConfig): HealthCheckOverride {
  return {
    ...(config.healthCheckFunction === undefined ? {} : { functionName: config.healthCheckFunction }),
    ...(config.successThreshold === undefined ? {} : { successThreshold: config.successThreshold }),
    ...(config.failureThreshold === undefined ? {} : { failureThreshold: config.failureThreshold }),
  };
}
