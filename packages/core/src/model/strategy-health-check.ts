import { z } from 'zod';
import type { HealthCheckOverride } from './health-check.ts';

/** The health check keys that every strategy takes; they stand above those of deployment and module (D-12). @public */
export interface StrategyHealthCheck {
  /** Function that is asked. Absent: the deployment's or the module's own. */
  readonly healthCheckFunction?: string;
  /** Good answers in a row that make a node healthy. Absent: the deployment's or the module's own. */
  readonly successThreshold?: number;
  /** Bad answers in a row that make a node unhealthy. Absent: the deployment's or the module's own. */
  readonly failureThreshold?: number;
}

const functionName = z.string().min(1).max(200);
const threshold = z.int().min(1).max(1_000);

/** Members of a strategy's schema for these keys, the other name of the function among them. @public */
export const strategyHealthCheckShape: {
  readonly healthCheckFunction: z.ZodExactOptional<z.ZodString>;
  readonly functionName: z.ZodExactOptional<z.ZodString>;
  readonly successThreshold: z.ZodExactOptional<z.ZodInt>;
  readonly failureThreshold: z.ZodExactOptional<z.ZodInt>;
} = {
  healthCheckFunction: functionName.exactOptional(),
  /** The same key as `healthCheckFunction`; give one of them. */
  functionName: functionName.exactOptional(),
  successThreshold: threshold.exactOptional(),
  failureThreshold: threshold.exactOptional(),
};

/** A configuration as it is written, where the function may have either name. @public */
export interface WrittenHealthFunction {
  readonly healthCheckFunction?: string;
  readonly functionName?: string;
}

/** Refuses two functions under the two names of one key. @public */
export function refuseTwoHealthFunctions(
  { healthCheckFunction, functionName: alias }: WrittenHealthFunction,
  context: z.core.$RefinementCtx,
): void {
  if (healthCheckFunction === undefined || alias === undefined || healthCheckFunction === alias) return;
  context.addIssue({
    code: 'custom',
    path: ['functionName'],
    message: 'is the same key as healthCheckFunction: give one of them',
  });
}

/** Moves the function from its other name to `healthCheckFunction`. @public */
export function settleHealthFunction<Config extends WrittenHealthFunction>(
  config: Config,
): Omit<Config, 'functionName'> {
  const { functionName: alias, ...rest } = config;
  return alias === undefined ? rest : { healthCheckFunction: alias, ...rest };
}

/** What lies over the health check of the deployment. @public */
export function strategyHealthCheck(config: StrategyHealthCheck): HealthCheckOverride {
  const { healthCheckFunction, successThreshold, failureThreshold } = config;
  return {
    ...(healthCheckFunction === undefined ? {} : { functionName: healthCheckFunction }),
    ...(successThreshold === undefined ? {} : { successThreshold }),
    ...(failureThreshold === undefined ? {} : { failureThreshold }),
  };
}
