import { errorFactory, type ErrorFactory } from '@hotswap/core';

/** Codes that a guard raises by itself. @public */
export const resilienceErrorCodes = {
  HS_RESILIENCE_OPEN: {
    message:
      'The module failed {failures} times in a row and is not asked again before {recoveryTimeout} have passed: give a fallback, or try again later',
    httpStatus: 503,
    retryable: true,
  },
  HS_RESILIENCE_DISABLED: {
    message: 'The module is switched off: switch it on with setEnabled(true), or give a fallback',
    httpStatus: 503,
  },
  HS_RESILIENCE_INVALID_OPTION: { message: 'The option {option} is not valid: {why}', httpStatus: 500 },
} as const;

/** Union of this package's codes. @public */
export type ResilienceErrorCode = keyof typeof resilienceErrorCodes;

/** Errors with this package's codes. @internal */
export const resilienceError: ErrorFactory<typeof resilienceErrorCodes> = errorFactory(resilienceErrorCodes);
