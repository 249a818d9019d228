import { z } from 'zod';
import { digestSchema, type AuditAct, type AuditHead } from '@hotswap/core';
import { jsonSchema } from './wire-text.ts';

/** A page of the audit chain, each act as it was hashed. @public */
export interface AuditPage {
  readonly acts: readonly AuditAct[];
  /** Last act of the whole chain; its number is -1 when there is none. */
  readonly head: AuditHead;
  readonly nextCursor: string | null;
}

/** @public */
export interface AuditListQuery {
  /** 1-1,000. Default 200. */
  readonly limit?: number;
  /** `nextCursor` of the page before. Absent: the first page. */
  readonly cursor?: string;
  /** `desc`: the newest first. Default `asc`, in which the chain can be verified. */
  readonly order?: 'asc' | 'desc';
  readonly actor?: string;
  /** E.g. `deployment.rollback`. */
  readonly action?: string;
  /** Id of what was changed. */
  readonly object?: string;
}

const actSchema: z.ZodType<AuditAct> = z.object({
  tenant: z.string(),
  seq: z.int(),
  at: z.number(),
  actor: z.string(),
  role: z.string().nullable(),
  action: z.string(),
  object: z.string(),
  facts: jsonSchema,
  requestId: z.string().nullable(),
  previousHash: digestSchema,
  hash: digestSchema,
});

/** @see {@link AuditPage} @public */
export const auditPageSchema: z.ZodType<AuditPage> = z
  .object({
    acts: z.array(actSchema),
    head: z.object({ seq: z.int(), hash: digestSchema }),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'AuditPage' });

/** @see {@link AuditListQuery} @public */
export const auditListQuerySchema: z.ZodType<
  {
    limit: number;
    cursor?: string | undefined;
    order: 'asc' | 'desc';
    actor?: string | undefined;
    action?: string | undefined;
    object?: string | undefined;
  },
  unknown
> = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'is not one that this list has given out')
    .optional(),
  order: z.enum(['asc', 'desc']).default('asc'),
  actor: z.string().min(1).max(200).optional(),
  action: z.string().min(1).max(100).optional(),
  object: z.string().min(1).max(200).optional(),
});
