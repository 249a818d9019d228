import { healthViewSchema, type HealthView } from '@hotswap/protocol';
import { toDuration } from '@hotswap/core';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';

const databaseTimeoutMs = 2_000;

/** @internal */
export function healthRoutes(app: App, parts: ServerParts): void {
  const answers = { response: { 200: healthViewSchema, 503: healthViewSchema }, tags: ['health'] };

  // Balancers that look at the status alone ask by HEAD.
  const probe = { config: { role: 'open' }, exposeHeadRoute: true, schema: answers } as const;

  app.get('/health', probe, async (request): Promise<HealthView> => {
    const isDatabaseUp = await databaseAnswers(parts);
    const isRedisUp = parts.isRedisUp?.();
    const status = isDatabaseUp && isRedisUp !== false ? 'Healthy' : 'Degraded';
    if (request.principal === null) return { status };
    return {
      status,
      dependencies: {
        postgresql: isDatabaseUp ? 'Healthy' : 'Unhealthy',
        ...(isRedisUp === undefined ? {} : { redis: isRedisUp ? 'Healthy' : 'Unhealthy' }),
      },
      version: parts.version,
      uptime: toDuration(Math.floor((performance.now() - parts.lifecycle.startedAtMs) / 1_000) * 1_000),
    };
  });

  app.get('/health/live', probe, (): HealthView => ({ status: 'Healthy' }));

  app.get('/health/ready', probe, async (_request, reply): Promise<HealthView> => {
    // Requests do not need Redis, so a server without it goes on.
    const isReady = parts.lifecycle.state === 'running' && (await databaseAnswers(parts));
    if (!isReady) void reply.code(503);
    return { status: isReady ? 'Healthy' : 'Unhealthy' };
  });
}

async function databaseAnswers({ checkDatabase }: ServerParts): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), databaseTimeoutMs);
  });
  const answered = checkDatabase().then(
    () => true,
    () => false,
  );
  const isUp = await Promise.race([answered, late]);
  clearTimeout(timer);
  return isUp;
}
