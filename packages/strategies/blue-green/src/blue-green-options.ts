import { z } from 'zod';
import { durationSchema, positiveDurationSchema, type Duration, type HealthCheckOverride } from '@hotswap/core';

/** Configuration of the BlueGreen strategy with every default filled in. @public */
export interface BlueGreenConfig {
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
  /** Function that is asked. Absent: the deployment's or the module's own. */
  readonly healthCheckFunction?: string;
  /** Good answers in a row that make a node healthy. Absent: the deployment's or the module's own. */
  readonly successThreshold?: number;
  /** Bad answers in a row that make a node unhealthy. Absent: the deployment's or the module's own. */
  readonly failureThreshold?: number;
}

const functionName = z.string().min(1).max(200);
const threshold = z.int().min(1).max(1_000);

/** Reads a `strategyConfig` of BlueGreen; unknown keys are refused. @public */
export const blueGreenConfigSchema: z.ZodType<BlueGreenConfig, unknown> = z
  .strictObject({
    healthCheckTimeout: positiveDurationSchema.default('PT30S'),
    keepBlueEnvironment: z.boolean().default(true),
    blueRetentionPeriod: positiveDurationSchema.default('PT1H'),
    placement: z.enum(['separate', 'in-place']).default('separate'),
    autoPromote: z.boolean().default(true),
    evaluationPeriod: durationSchema.default('PT0S'),
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
  .transform(({ functionName: alias, ...config }): BlueGreenConfig => {
    const named = config.healthCheckFunction ?? alias;
    return { ...config, ...(named === undefined ? {} : { healthCheckFunction: named }) };
  })
  .prefault({});

/** The health check keys among them. @internal */
export function blueGreenHealthCheck(config: BlueGreenConfig): HealthCheckOverride {
  return {
    ...(config.healthCheckFunction === undefined ? {} : { functionName: config.healthCheckFunction }),
    ...(config.successThreshold === undefined ? {} : { successThreshold: config.successThreshold }),
    ...(config.failureThreshold === undefined ? {} : { failureThreshold: config.failureThreshold }),
  };
}
