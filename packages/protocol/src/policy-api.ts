import { z } from 'zod';
import { policyShape } from '@hotswap/core';
import type { Policy } from '@hotswap/core';

/** A tenant's policy as it is read, and as it may be sent back after a change. @public */
export interface PolicyView extends Policy {
  /** Rises with each change; 0 while none was ever set. */
  readonly revision: number;
}

/** A policy that takes the place of the one that is there. What is absent is none. @public */
export interface PutPolicyRequest extends Partial<Policy> {
  /** The revision that was read: with another one by now the request is refused (412). Default: any. */
  readonly revision?: number;
}

/** A policy as the schema read it. @public */
export interface CheckedPolicy extends Policy {
  readonly revision?: number;
}

/** @see {@link PutPolicyRequest} @public */
export const putPolicySchema: z.ZodType<CheckedPolicy, unknown> = z
  .strictObject({ ...policyShape, revision: z.int().min(0).exactOptional() })
  .meta({ id: 'PutPolicy' });

/** @see {@link PolicyView} @public */
export const policyViewSchema: z.ZodType<PolicyView, unknown> = z
  .object({ ...policyShape, revision: z.int().min(0) })
  .meta({ id: 'Policy' });
