import { z } from 'zod';
import { apiBase } from '@hotswap/protocol';
import { callerOf } from '../../auth/authorize.ts';
import { reading } from '../../auth/principal.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';

const query = z.strictObject({
  topic: z
    .string()
    .max(100)
    .regex(/^[a-z.]+$/, 'must be a topic such as deployment or node.joined')
    .optional(),
});

/** @internal */
export function eventRoutes(app: App, { events, streams }: ServerParts): void {
  app.get(
    `${apiBase}/events`,
    { config: { role: reading }, schema: { tags: ['events'], querystring: query } },
    (request, reply) => {
      const { tenant } = callerOf(request);
      const { topic } = request.query;
      const stream = streams.open(request, reply);
      const stop = events.subscribe((event) => {
        if (
          event.tenant !== tenant ||
          (topic !== undefined && event.topic !== topic && !event.topic.startsWith(`${topic}.`))
        )
          return;
        stream.send({
          event: event.topic,
          data: JSON.stringify({
            topic: event.topic,
            subject: event.subject,
            ...(event.facts === undefined ? {} : { facts: event.facts }),
          }),
        });
      });
      stream.onClose(stop);
      return reply;
    },
  );
}
