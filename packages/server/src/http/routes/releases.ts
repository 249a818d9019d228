import { z } from 'zod';
import {
  apiBase,
  releaseDiffQuerySchema,
  releaseDiffSchema,
  releaseListQuerySchema,
  releaseListSchema,
  releaseViewSchema,
} from '@hotswap/protocol';
import { callerOf } from '../../auth/authorize.ts';
import { reading } from '../../auth/principal.ts';
import { diffFromLive } from '../../deployments/diff-from-live.ts';
import { toReleaseView } from '../../modules/module-view.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { entityTag } from '../entity-tag.ts';
import { pageOf } from './modules.ts';

const base = `${apiBase}/releases`;
const params = z.strictObject({ releaseId: z.string().max(100) });

/** @internal */
export function releaseRoutes(app: App, parts: ServerParts): void {
  const { releases } = parts;
  app.get(
    base,
    {
      config: { role: reading },
      schema: { tags: ['releases'], querystring: releaseListQuerySchema, response: { 200: releaseListSchema } },
    },
    async (request) => {
      const { items, nextCursor } = await releases.list(callerOf(request).tenant, pageOf(request.query));
      return { releases: items.map(toReleaseView), nextCursor };
    },
  );

  app.get(
    `${base}/:releaseId`,
    { config: { role: reading }, schema: { tags: ['releases'], params, response: { 200: releaseViewSchema } } },
    async (request, reply) => {
      const release = await releases.get(callerOf(request).tenant, request.params.releaseId);
      void reply.header('etag', entityTag(release.releaseId));
      return toReleaseView(release);
    },
  );

  app.get(
    `${base}/:releaseId/diff`,
    {
      config: { role: reading },
      schema: { tags: ['releases'], params, querystring: releaseDiffQuerySchema, response: { 200: releaseDiffSchema } },
    },
    async (request) => {
      const { tenant } = callerOf(request);
      const release = await releases.get(tenant, request.params.releaseId);
      return diffFromLive(parts, release, request.query.against);
    },
  );
}
