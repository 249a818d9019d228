import { createHash } from 'node:crypto';
import { rateGrant, type RateCounter, type RateGrant, type RateQuestion } from '@hotswap/core';
import type { RedisConnection } from './redis-connection.ts';

/**
 * Takes up to an amount of what is left, in one step and by the time of Redis, which is the same for all servers. The
 * arithmetic is that of `rateGrant`.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local amount, limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local index = math.floor(now / window)
local elapsed = now - index * window
local kept = redis.call('HMGET', KEYS[1], 'index', 'current', 'previous')
local last, current, previous = tonumber(kept[1] or -2), tonumber(kept[2] or 0), tonumber(kept[3] or 0)
if last == index - 1 then previous, current = current, 0 elseif last ~= index then previous, current = 0, 0 end
local room = math.max(0, math.floor(limit - previous * (1 - elapsed / window) - current))
local granted = math.min(amount, room)
if granted > 0 then
  redis.call('HSET', KEYS[1], 'index', index, 'current', current + granted, 'previous', previous)
  redis.call('PEXPIRE', KEYS[1], math.ceil(2 * window - elapsed))
end
return {granted, current, previous, elapsed}
`;
const digest = createHash('sha1').update(script).digest('hex');

/**
 * Counts for all servers that use the same Redis. What is counted there vanishes when it is no longer needed.
 * @public
 */
export class RedisRateCounter implements RateCounter {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /** @throws HS_STORE_REDIS_UNAVAILABLE, and what the connection fails with */
  async take(question: RateQuestion): Promise<RateGrant> {
    const { key, amount, limit, windowMs } = question;
    const values = ['1', `${this.#connection.prefix}:rate:${key}`, String(amount), String(limit), String(windowMs)];
    const [granted = 0, current = 0, previous = 0, elapsedMs = 0] = (await this.#run(values)) as readonly number[];
    const counts = { current, previous, elapsedMs };
    return { ...rateGrant({ ...question, amount: granted }, counts), granted };
  }

  async #run(values: readonly string[]): Promise<unknown> {
    try {
      return await this.#connection.send(['EVALSHA', digest, ...values]);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return this.#connection.send(['EVAL', script, ...values]);
    }
  }
}
