import { errorFactory, type ErrorFactory } from '@hotswap/core';

/** Codes that this package raises. @public */
export const stateRedisErrorCodes = {
  HS_STORE_REDIS_URL: {
    message: 'The address of Redis cannot be understood ({why}): it must be redis://host:6379 or rediss://host:6379',
    httpStatus: 500,
  },
  HS_STORE_REDIS_UNAVAILABLE: {
    message: 'Redis does not answer: each server counts by itself until it is back',
    httpStatus: 503,
    retryable: true,
  },
} as const;

/** Union of the codes of this package. @public */
export type StateRedisErrorCode = keyof typeof stateRedisErrorCodes;

/** @internal */
export const stateRedisError: ErrorFactory<typeof stateRedisErrorCodes> = errorFactory(stateRedisErrorCodes);
