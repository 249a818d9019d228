import { errorFactory, type ErrorFactory } from '@hotswap/core';

/**
 * Codes that the adapter raises. Rollouts wait meanwhile: a shift of traffic ends when the proxy serves it.
 * @public
 */
export const haproxyErrorCodes = {
  HS_ROUTE_PROXY_UNREACHABLE: {
    message:
      'The runtime API of HAProxy cannot be reached ({why}): check that it runs and that `stats socket` names {address}',
    httpStatus: 503,
    retryable: true,
  },
  HS_ROUTE_PROXY_REFUSED: {
    message:
      'HAProxy refused `{command}`: {answer}. Compare its configuration with what `haproxyConfig` writes for the same options',
    httpStatus: 502,
  },
  HS_ROUTE_PROXY_FULL: {
    message:
      'HAProxy has no room for {moduleName}: {why}. Raise it in the options of the adapter, write the configuration anew and reload HAProxy',
    httpStatus: 507,
  },
  HS_ROUTE_PROXY_NAME: {
    message:
      'A configuration of HAProxy cannot have {name} of {option}: use a name of letters, digits, `-`, `_`, `.` and `:`',
    httpStatus: 400,
  },
} as const;

/** Union of the adapter's codes. @public */
export type HaproxyErrorCode = keyof typeof haproxyErrorCodes;

/** Errors with the adapter's codes. @internal */
export const haproxyError: ErrorFactory<typeof haproxyErrorCodes> = errorFactory(haproxyErrorCodes);
