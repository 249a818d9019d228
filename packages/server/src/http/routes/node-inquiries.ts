import { z } from 'zod';
import { apiBase, isNodeLogId, nodeCheckViewSchema, nodeLogQuerySchema } from '@hotswap/protocol';
import { callerOf } from '../../auth/authorize.ts';
import { administering, reading } from '../../auth/principal.ts';
import { NodeLogStream, readFirstLines, type NodeLogWish } from '../../nodes/node-log-stream.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { invalidRequest } from '../validate-request.ts';

const base = `${apiBase}/nodes/:id`;
const params = z.strictObject({ id: z.string().max(100) });
const tags = ['nodes'];

/** What nodes are asked while the caller waits. @internal */
export function nodeInquiryRoutes(app: App, { inquiry, streams }: ServerParts): void {
  app.post(
    `${base}/health`,
    {
      config: { role: administering },
      schema: { tags, params, body: z.strictObject({}), response: { 200: nodeCheckViewSchema } },
    },
    (request) => inquiry.check(callerOf(request).tenant, request.params.id),
  );

  app.get(
    `${base}/logs`,
    { config: { role: reading }, schema: { tags, params, querystring: nodeLogQuerySchema } },
    async (request, reply) => {
      const wish: NodeLogWish = {
        ...request.query,
        tenant: callerOf(request).tenant,
        nodeId: request.params.id,
        after: lastIdOf(request.headers['last-event-id']),
      };
      const first = await readFirstLines(inquiry, wish, request.signal);
      void new NodeLogStream(inquiry, wish, streams.open(request, reply)).run(first);
      return reply;
    },
  );
}

function lastIdOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined || header === '') return undefined;
  if (typeof header === 'string' && isNodeLogId(header)) return header;
  throw invalidRequest([{ pointer: '/headers/last-event-id', detail: 'is none that a log has given out' }]);
}
