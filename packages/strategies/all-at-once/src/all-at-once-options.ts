import { z } from 'zod';
import { durationSchema, type Duration, type HealthCheckOverride } from '@hotswap/core';

/** Configuration of the AllAtOnce strategy; everything has a default. @public */
export interface AllAtOnceConfig {
  /** Time that all nodes together have for their health verdict. Absent: what the health check itself needs. */
  readonly healthCheckTimeout?: Duration;
  /** Function that is asked. Absent: the deployment's or the module's own. */
  readonly healthCheckFunction?: string;
}

/** Reads a `strategyConfig` of AllAtOnce; unknown keys are refused. @public */
export const allAtOnceConfigSchema: z.ZodType<AllAtOnceConfig, unknown> = z
  .strictObject({
    healthCheckTimeout: durationSchema.exactOptional(),
    healthCheckFunction: z.string().min(1).max(200).exactOptional(),
  })
  .default({});

/** The health check keys among them. @internal */
export function allAtOnceHealthCheck(config: AllAtOnceConfig): HealthCheckOverride {
  return config.healthCheckFunction === undefined ? {} : { functionName: config.healthCheckFunction };
}
