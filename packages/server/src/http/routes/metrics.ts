import type { Role } from '../../auth/principal.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';

/** Whoever may read what the server measures. */
const measuring: readonly Role[] = ['admin', 'metrics'];

/** Metrics as Prometheus text; no route at all when they are switched off. @internal */
export function metricsRoutes(app: App, { config, telemetry }: ServerParts): void {
  if (!config.metricsEnabled) return;
  const { registry } = telemetry.metrics;
  app.get(config.metricsPath, { config: { role: measuring }, schema: { hide: true } }, async (_request, reply) =>
    reply
      .header('content-type', registry.contentType)
      .serializer(String)
      .send(await registry.text()),
  );
}
