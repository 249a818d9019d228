import { z } from 'zod';
import {
  durationSchema,
  positiveDurationSchema,
  refuseTwoHealthFunctions,
  settleHealthFunction,
  strategyHealthCheckShape,
  type Duration,
  type StrategyHealthCheck,
} from '@hotswap/core';

/** Configuration of the BlueGreen strategy with every default filled in. @public */
export interface BlueGreenConfig extends StrategyHealthCheck {
  /** Time that the nodes of Green have for their health verdict. Default PT30S. */
  readonly healthCheckTimeout: Duration;
  /** `true`: the old version stays warm for a switch back. `false`: it goes as soon as its requests have ended. Default `true`. */
  readonly keepBlueEnvironment: boolean;
  /** How long the old version stays warm after the switch. Default PT1H. */
  readonly blueRetentionPeriod: Duration;
  /**
   * `separate`: Green is the targets that do not serve the module yet, as many as Blue or more. `in-place`: every target
   * has both versions, and only the route flips. Default `separate`.
   */
  readonly placement: 'separate' | 'in-place';
  /** `false`: a person promotes Green before requests are switched to it. Default `true`. */
  readonly autoPromote: boolean;
  /** How long health checks and triggers watch Green after the switch; a failure switches back. Default PT0S: not at all. */
  readonly evaluationPeriod: Duration;
}

/** Reads a `strategyConfig` of BlueGreen; unknown keys are refused. @public */
export const blueGreenConfigSchema: z.ZodType<BlueGreenConfig, unknown> = z
  .strictObject({
    healthCheckTimeout: positiveDurationSchema.default('PT30S'),
    keepBlueEnvironment: z.boolean().default(true),
    blueRetentionPeriod: positiveDurationSchema.default('PT1H'),
    placement: z.enum(['separate', 'in-place']).default('separate'),
    autoPromote: z.boolean().default(true),
    evaluationPeriod: durationSchema.default('PT0S'),
    ...strategyHealthCheckShape,
  })
  .superRefine(refuseTwoHealthFunctions)
  .transform((config): BlueGreenConfig => settleHealthFunction(config))
  .prefault({});
