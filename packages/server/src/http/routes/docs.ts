import { docsPage, docsScript, docsStyle } from '../docs-page.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/** @internal */
export function docsRoutes(app: App, _parts: ServerParts): void {
  let document: string | undefined;
  app.get('/api/openapi.json', { config: { role: 'open' }, schema: { hide: true } }, (_request, reply) => {
    document ??= JSON.stringify(app.swagger());
    return reply.header('content-type', 'application/json').serializer(String).send(document);
  });
  for (const [path, type, content] of [
    ['/api/docs', 'text/html; charset=utf-8', docsPage],
    ['/api/docs/docs.js', 'text/javascript; charset=utf-8', docsScript],
    ['/api/docs/docs.css', 'text/css; charset=utf-8', docsStyle],
  ] as const) {
    app.get(path, { config: { role: 'open' }, schema: { hide: true } }, (_request, reply) =>
      reply
        .header('content-type', type)
        .header('content-security-policy', policy)
        .header('x-content-type-options', 'nosniff')
        .serializer(String)
        .send(content),
    );
  }
}
