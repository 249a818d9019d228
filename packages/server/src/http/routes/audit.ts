import { auditListQuerySchema, auditPageSchema } from '@hotswap/protocol';
import { callerOf } from '../../auth/authorize.ts';
import { administering } from '../../auth/principal.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';

/** @internal */
export function auditRoutes(app: App, { audit }: ServerParts): void {
  app.get(
    '/api/v1/audit',
    {
      config: { role: administering },
      schema: { tags: ['audit'], querystring: auditListQuerySchema, response: { 200: auditPageSchema } },
    },
    async (request) => {
      const { tenant } = callerOf(request);
      const { limit, cursor, order, ...filter } = request.query;
      // The head first: acts that come in between are then beyond it, and none that it counts is missing.
      const head = await audit.head(tenant);
      const acts = await audit.list(tenant, {
        ...filter,
        limit: limit + 1,
        after: cursor === undefined ? undefined : Number(cursor),
        newestFirst: order === 'desc',
      });
      const shown = acts.slice(0, limit);
      return { acts: shown, head, nextCursor: acts.length > limit ? String(shown.at(-1)?.seq) : null };
    },
  );
}
