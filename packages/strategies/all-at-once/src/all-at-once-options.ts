import { z } from 'zod';
import { positiveDurationSchema, type Duration, type HealthCheckOverride } from '@hotswap/core';

/** Configuration of the AllAtOnce strategy; everything has a default. @public */
export interface AllAtOnceConfig {
  /** Time that all nodes together have for their health verdict. Absent: what the health check itself needs. */
  readonly healthCheckTimeout?: Duration;
  /** Function that is asked. Absent: the deployment's or the module's own. */
  readonly healthCheckFunction?: string;
  /** Good answers in a row that make a node healthy. Absent: the deployment's or the module's own. */
  readonly successThreshold?: number;
  /** Bad answers in a row that make a node unhealthy. Absent: the deployment's or the module's own. */
  readonly failureThreshold?: number;
}

const functionName = z.string().min(1).max(200);
const threshold = z.int().min(1).max(1_000);

/** Reads a `strategyConfig` of AllAtOnce; unknown keys are refused. @public */
export const allAtOnceConfigSchema: z.ZodType<AllAtOnceConfig, unknown> = z
  .strictObject({
    healthCheckTimeout: positiveDurationSchema.exactOptional(),
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
  .transform(({ functionName: alias, ...config }): AllAtOnceConfig => {
    const named = config.healthCheckFunction ?? alias;
    return { ...config, ...(named === undefined ? {} : { healthCheckFunction: named }) };
  })
  .prefault({});

/** The health check keys among them. @internal */
export function allAtOnceHealthCheck(config: AllAtOnceConfig): HealthCheckOverride {
  return {
    ...(config.healthCheckFunction === undefined ? {} : { functionName: config.healthCheckFunction }),
    ...(config.successThreshold === undefined ? {} : { successThreshold: config.successThreshold }),
    ...(config.failureThreshold === undefined ? {} : { failureThreshold: config.failureThreshold }),
  };
}
