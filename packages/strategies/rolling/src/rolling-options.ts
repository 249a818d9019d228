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

/** Configuration of the Rolling strategy with every default filled in. @public */
export interface RollingConfig extends StrategyHealthCheck {
  /** Nodes that are replaced at one time. Default 1. */
  readonly batchSize: number;
  /**
   * Time between two batches, watched by health checks and triggers, and at least until gates have data; none after the last.
   * Default PT0S.
   */
  readonly batchDelay: Duration;
  /** Time that the nodes of a batch have for their health verdict. Default PT10S. */
  readonly healthCheckTimeout: Duration;
  /** `true`: a failed batch stops the rollout for a person to decide. `false`: it is rolled back. Default `true`. */
  readonly pauseOnFailure: boolean;
}

/** Reads a `strategyConfig` of Rolling; unknown keys are refused. @public */
export const rollingConfigSchema: z.ZodType<RollingConfig, unknown> = z
  .strictObject({
    batchSize: z.int().min(1).max(100_000).default(1),
    batchDelay: durationSchema.default('PT0S'),
    healthCheckTimeout: positiveDurationSchema.default('PT10S'),
    pauseOnFailure: z.boolean().default(true),
    ...strategyHealthCheckShape,
  })
  .superRefine(refuseTwoHealthFunctions)
  .transform((config): RollingConfig => settleHealthFunction(config))
  .prefault({});
