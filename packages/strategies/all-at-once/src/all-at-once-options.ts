import { z } from 'zod';
import {
  positiveDurationSchema,
  refuseTwoHealthFunctions,
  settleHealthFunction,
  strategyHealthCheckShape,
  type Duration,
  type StrategyHealthCheck,
} from '@hotswap/core';

/** Configuration of the AllAtOnce strategy; everything has a default. @public */
export interface AllAtOnceConfig extends StrategyHealthCheck {
  /** Time that all nodes together have for their health verdict. Absent: what the health check itself needs. */
  readonly healthCheckTimeout?: Duration;
}

/** Reads a `strategyConfig` of AllAtOnce; unknown keys are refused. @public */
export const allAtOnceConfigSchema: z.ZodType<AllAtOnceConfig, unknown> = z
  .strictObject({
    healthCheckTimeout: positiveDurationSchema.exactOptional(),
    ...strategyHealthCheckShape,
  })
  .superRefine(refuseTwoHealthFunctions)
  .transform((config): AllAtOnceConfig => settleHealthFunction(config))
  .prefault({});
