import { z } from 'zod';
import { durationSchema, positiveDurationSchema, type Duration } from './duration.ts';

/**
 * How the platform asks a module whether it is well. The function runs on each node, in an instance of its own, once
 * per `interval` as long as a rollout watches the node.
 * @public
 */
export interface HealthCheck {
  /** `false` switches checking off; a module then counts as healthy once it is loaded. Default `true`. */
  readonly enabled: boolean;
  /** Exported function without parameters. Default `health_check`; `-` and `_` are the same in a name. */
  readonly functionName: string;
  /** Longest a single call may take. Default `PT5S`. */
  readonly timeout: Duration;
  /** Time between the starts of two calls. Default `PT1S`. */
  readonly interval: Duration;
  /** The answer that means healthy. Default `"OK"`; an `ok` result, `true` and, from core modules, `1` count as well. */
  readonly expected: string;
  /** Good answers in a row after which the module is healthy. Default 1. */
  readonly successThreshold: number;
  /** Bad answers in a row after which it is unhealthy. Default 3. */
  readonly failureThreshold: number;
}

/** What every key is when nobody sets it. @public */
export const defaultHealthCheck: HealthCheck = {
  enabled: true,
  functionName: 'health_check',
  timeout: 'PT5S',
  interval: 'PT1S',
  expected: 'OK',
  successThreshold: 1,
  failureThreshold: 3,
};

const threshold = z.int().min(1).max(1_000);

/**
 * Some keys of a health check. Three layers are laid over the defaults, the later one winning: module, deployment,
 * strategy configuration (D-12).
 * @public
 */
export type HealthCheckOverride = Partial<HealthCheck>;

/** Reads a `healthCheck` block; every key may be left out, unknown keys are refused. @public */
export const healthCheckOverrideSchema: z.ZodType<HealthCheckOverride, unknown> = z.strictObject({
  enabled: z.boolean().exactOptional(),
  functionName: z.string().min(1).max(200).exactOptional(),
  timeout: positiveDurationSchema.exactOptional(),
  interval: positiveDurationSchema.exactOptional(),
  expected: z.string().max(1_000).exactOptional(),
  successThreshold: threshold.exactOptional(),
  failureThreshold: threshold.exactOptional(),
});

/** Reads a complete health check as it stands in a journal or in a node's desired state. @public */
export const healthCheckSchema: z.ZodType<HealthCheck, unknown> = z.strictObject({
  enabled: z.boolean(),
  functionName: z.string().min(1).max(200),
  timeout: durationSchema,
  interval: durationSchema,
  expected: z.string().max(1_000),
  successThreshold: threshold,
  failureThreshold: threshold,
});

/** Lays overrides over the defaults; later arguments win, absent keys change nothing. @public */
export function resolveHealthCheck(...layers: readonly (HealthCheckOverride | undefined)[]): HealthCheck {
  return Object.assign({}, defaultHealthCheck, ...layers) as HealthCheck;
}
