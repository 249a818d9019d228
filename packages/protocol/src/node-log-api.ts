import { z } from 'zod';

/** How grave a line is. @public */
export type NodeLogLevel = 'debug' | 'info' | 'warn' | 'error';

const nodeLogLevels = ['debug', 'info', 'warn', 'error'] as const satisfies readonly NodeLogLevel[];

/** Where a line comes from: what the module wrote, or what the agent says of it. @public */
export type NodeLogStream = 'stdout' | 'stderr' | 'agent';

const nodeLogStreams = ['stdout', 'stderr', 'agent'] as const satisfies readonly NodeLogStream[];

/** One line of a node's log. @public */
export interface NodeLogLine {
  /** Where it stands in the log as it was asked for; a reader goes on after it with `Last-Event-ID`. */
  readonly id: string;
  readonly at: string;
  readonly moduleName: string;
  /** `null`: the line is about the module, not about one release. */
  readonly releaseId: string | null;
  /** Of that release; `null` where the node does not know it any more. */
  readonly version: string | null;
  /** `info` for standard output, `warn` for standard error, unless the line says otherwise. */
  readonly level: NodeLogLevel;
  readonly stream: NodeLogStream;
  /** Without a line end, cut to 2,000 characters, with control characters escaped. */
  readonly text: string;
}

/** Why lines are not there. @public */
export type NodeLogLoss = 'overwritten' | 'restarted';

/** What a reader of a node's log is sent. @public */
export type NodeLogEvent =
  | { readonly kind: 'line'; readonly line: NodeLogLine }
  /** `lines` is `null` where nobody can tell how many there were: the agent began again. */
  | { readonly kind: 'lost'; readonly reason: NodeLogLoss; readonly lines: number | null }
  /** The node does not answer for now; the stream goes on when it does. */
  | { readonly kind: 'interrupted'; readonly code: string; readonly message: string }
  /** All that there was has been sent; only without `follow`. */
  | { readonly kind: 'end' };

/** What of a node's log is wanted. @public */
export interface NodeLogQuery {
  /** Lines of one module. Default all. */
  readonly module?: string;
  /** Begins with the last lines, so many at most; a stream that goes on after `Last-Event-ID` passes it over. Default: all that there is. */
  readonly tail?: number;
  /** `false`: ends after what there is. Default `true`. */
  readonly follow?: boolean;
}

/** What a server asks an agent for. @public */
export interface NodeLogRead {
  readonly module?: string;
  /** Lines after this one. Absent: from the beginning. */
  readonly after?: string;
  /** Without `after`: the last ones only. */
  readonly tail?: number;
  /** Lines of one answer. */
  readonly limit: number;
  /** How long to wait for a line when there is none. */
  readonly waitMs: number;
}

/** What an agent answers. @public */
export interface NodeLogBatch {
  readonly lines: readonly NodeLogLine[];
  /** To go on after. */
  readonly next: string;
  readonly hasMore: boolean;
  /** What is missing between `after` and `next`. Absent: nothing. */
  readonly lost?: { readonly reason: NodeLogLoss; readonly lines: number | null };
}

/** Where an agent answers its servers, besides calls of functions. @public */
export const nodePaths: { readonly logs: string; readonly checks: string } = {
  logs: '/node/logs',
  checks: '/node/checks',
};

/** Longest time that an agent keeps a reader waiting. @public */
export const mostLogWaitMs: number = 20_000;

const cursor = z.string().regex(/^[0-9a-f]{8}\.[nm]\d{1,15}$/, 'is none that a log has given out');
const moduleName = z.string().min(1).max(100);
const tail = z.int().min(0).max(1_000_000);

/** Whether a text is the id of a line. @public */
export function isNodeLogId(text: string): boolean {
  return cursor.safeParse(text).success;
}

/** @see {@link NodeLogQuery} @public */
export const nodeLogQuerySchema: z.ZodType<
  { module?: string | undefined; tail?: number | undefined; follow: boolean },
  unknown
> = z.strictObject({
  module: moduleName.optional(),
  tail: z.coerce.number<unknown>().pipe(tail).optional(),
  follow: z.stringbool({ truthy: ['true'], falsy: ['false'], error: 'must be true or false' }).default(true),
});

/** @see {@link NodeLogRead} @public */
export const nodeLogReadSchema: z.ZodType<NodeLogRead, unknown> = z.strictObject({
  module: moduleName.exactOptional(),
  after: cursor.exactOptional(),
  tail: tail.exactOptional(),
  limit: z.int().min(1).max(1_000),
  waitMs: z.int().min(0).max(mostLogWaitMs),
});

const lineSchema: z.ZodType<NodeLogLine, unknown> = z.object({
  id: cursor,
  at: z.iso.datetime(),
  moduleName: z.string().max(200),
  releaseId: z.string().max(200).nullable(),
  version: z.string().max(200).nullable(),
  level: z.enum(nodeLogLevels),
  stream: z.enum(nodeLogStreams),
  text: z.string().max(10_000),
});

/** Reads an agent's answer; members that this version does not know are passed over. @public */
export const nodeLogBatchSchema: z.ZodType<NodeLogBatch, unknown> = z.object({
  lines: z.array(lineSchema).max(1_000),
  next: cursor,
  hasMore: z.boolean(),
  lost: z.object({ reason: z.enum(['overwritten', 'restarted']), lines: z.int().min(0).nullable() }).exactOptional(),
});
