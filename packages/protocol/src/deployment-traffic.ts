import type { DeploymentTraffic } from '@hotswap/core';
import { z } from 'zod';
import { cookieName, headerName } from './module-serving.ts';

const value = z.string().min(1).max(500).exactOptional();

/** Reads the `traffic` block of a deployment; unknown keys are refused. @public */
export const deploymentTrafficSchema: z.ZodType<DeploymentTraffic, unknown> = z.strictObject({
  match: z
    .array(
      z.union([z.strictObject({ header: headerName, value }), z.strictObject({ cookie: cookieName, value })], {
        error: 'must be {"header": NAME} or {"cookie": NAME}, with a `value` or without',
      }),
    )
    .min(1)
    .max(20)
    .readonly(),
});
