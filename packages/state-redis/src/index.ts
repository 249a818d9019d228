export { stateRedisErrorCodes } from './error-codes.ts';
export type { StateRedisErrorCode } from './error-codes.ts';
export { RedisConnection } from './redis-connection.ts';
export type { RedisOptions } from './redis-connection.ts';
export { RedisFanOut } from './redis-fan-out.ts';
export { RedisRateCounter } from './redis-rate-counter.ts';
