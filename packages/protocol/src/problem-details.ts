import { z } from 'zod';
import { HotSwapError } from '@hotswap/core';
import type { ErrorDetails, Json } from '@hotswap/core';
import { jsonSchema } from './wire-text.ts';

/** Base of `type` in problem documents; the error's code follows. @public */
export const problemTypeBase: string = 'https://hotswap.dev/errors/';

/** One thing that is wrong with a request. @public */
export interface ValidationIssue {
  /** JSON pointer into the body (`/strategyConfig/stages/2`), or `/query/limit`, `/params/id`, `/headers/...` outside it. */
  readonly pointer: string;
  readonly detail: string;
}

/** Body of every answer of 400 and above (RFC 9457). @public */
export interface ProblemDetails {
  /** Stable URI that ends in the code. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What happened, why, and what to do next. */
  readonly detail: string;
  /** `HS_<AREA>_<CONDITION>`. */
  readonly code: string;
  readonly requestId: string;
  readonly errors?: readonly ValidationIssue[];
  /** Facts for programs, e.g. the id of the deployment that is in the way. */
  readonly details?: Readonly<Record<string, Json>>;
  /** Whether the same request may succeed later. */
  readonly retryable?: boolean;
}

/** @see {@link ProblemDetails} @public */
export const problemDetailsSchema: z.ZodType<ProblemDetails> = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    requestId: z.string(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).exactOptional(),
    details: z.record(z.string(), jsonSchema).exactOptional(),
    retryable: z.boolean().exactOptional(),
  })
  .meta({ id: 'ProblemDetails' });

/** Media type of problem documents. @public */
export const problemMediaType: string = 'application/problem+json';

/** The error that a problem document stands for, with the server's code, text and status. @public */
export function errorFromProblem(problem: ProblemDetails): HotSwapError {
  const details: Record<string, Json> = { ...problem.details, requestId: problem.requestId };
  if (problem.errors)
    details['errors'] = problem.errors.map((issue) => ({ pointer: issue.pointer, detail: issue.detail }));
  const entry = { message: '', httpStatus: problem.status, retryable: problem.retryable ?? false };
  const error = new HotSwapError(problem.code, entry, details satisfies ErrorDetails);
  // The text is final: places in it that look like a template's must stay as they are.
  error.message = problem.detail;
  return error;
}

/** Reads a body as a problem document; `null` when it is none. @public */
export function readProblem(body: unknown): ProblemDetails | null {
  const read = problemDetailsSchema.safeParse(body);
  return read.success ? read.data : null;
}
