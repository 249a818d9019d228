import { z } from 'zod';

/** Answer of `/health`; without a token only `status`. @public */
export interface HealthView {
  readonly status: 'Healthy' | 'Degraded' | 'Unhealthy';
  /** By name; what the configuration does not use is left out. */
  readonly dependencies?: Readonly<Record<string, 'Healthy' | 'Unhealthy'>>;
  readonly version?: string;
  /** ISO-8601, e.g. `PT72H`. */
  readonly uptime?: string;
}

/** @see {@link HealthView} @public */
export const healthViewSchema: z.ZodType<HealthView> = z
  .object({
    status: z.enum(['Healthy', 'Degraded', 'Unhealthy']),
    dependencies: z.record(z.string(), z.enum(['Healthy', 'Unhealthy'])).exactOptional(),
    version: z.string().exactOptional(),
    uptime: z.string().exactOptional(),
  })
  .meta({ id: 'Health' });
