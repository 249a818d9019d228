import { z } from 'zod';

/** What every list takes besides its own filters. @public */
export interface ListQuery {
  /** 1-200. Default 50. */
  readonly limit?: number;
  /** `nextCursor` of the page before. Absent: the first page. */
  readonly cursor?: string;
}

/** Rows of a page when nobody asks for a number. @public */
export const defaultPageSize: number = 50;

/** Members of a list's query, to be spread into the schema of one list. @internal */
export const listQueryShape: {
  readonly limit: z.ZodType<number | undefined, unknown>;
  readonly cursor: z.ZodType<string | undefined, unknown>;
} = {
  limit: z.coerce.number().int().min(1).max(200).optional(),
  cursor: z.string().max(500).optional(),
};
