import { z } from 'zod';
import { apiBase } from '@hotswap/protocol';
import { callerOf } from '../../auth/authorize.ts';
import { reading } from '../../auth/principal.ts';
import { LiveEventStream } from '../../events/live-event-stream.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { invalidRequest } from '../validate-request.ts';

const query = z.strictObject({
  topic: z
    .string()
    .max(100)
    .regex(/^[a-z.]+$/, 'must be a topic such as deployment or node.joined')
    .optional(),
});

/** @internal */
export function eventRoutes(app: App, { liveEvents, streams, logger }: ServerParts): void {
  app.get(
    `${apiBase}/events`,
    { config: { role: reading }, schema: { tags: ['events'], querystring: query } },
    (request, reply) => {
      const { tenant } = callerOf(request);
      const after = lastIdOf(request.headers['last-event-id']);
      const stream = streams.open(request, reply);
      void new LiveEventStream(liveEvents, { tenant, topic: request.query.topic, after }, stream)
        .run()
        .catch((error: unknown) => {
          logger.warn({ err: error }, 'a stream of events lost its source');
          stream.close();
        });
      return reply;
    },
  );
}

function lastIdOf(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === '') return undefined;
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header);
  throw invalidRequest([{ pointer: '/headers/last-event-id', detail: 'is none that this stream has given out' }]);
}
