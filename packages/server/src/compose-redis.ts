import { RedisConnection, RedisFanOut } from '@hotswap/state-redis';
import type { Logger } from 'pino';
import type { ServerConfig } from './config/schema.ts';
import type { EventBus } from './event-bus.ts';
import { relayEvents } from './relay-events.ts';

/** What servers share besides the database. That it is away holds nothing up, now or later. @internal */
export async function openRedis(
  { redisUrl }: ServerConfig,
  logger: Logger,
  events: EventBus,
  opened: (() => Promise<unknown>)[],
): Promise<RedisConnection | null> {
  if (redisUrl === undefined) return null;
  const redis = await RedisConnection.open({
    url: redisUrl,
    onChange: (isUp, error) =>
      isUp
        ? logger.info('Redis answers')
        : logger.warn({ err: error }, 'Redis does not answer: limits are held by each server'),
    onWarning: (text) => logger.warn(text),
  });
  opened.push(async () => redis[Symbol.asyncDispose]());
  const fanOut = await RedisFanOut.open(redis);
  opened.push(async () => fanOut[Symbol.asyncDispose]());
  relayEvents(events, fanOut);
  return redis;
}
