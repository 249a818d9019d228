import { errorFactory, type ErrorFactory } from '@hotswap/core';

/**
 * Codes that the gateway raises. Message templates name what happened, why, and what to do next.
 * @public
 */
export const gatewayErrorCodes = {
  HS_ROUTE_NOT_FOUND: { message: 'No route leads to {moduleName}: deploy a version of it first', httpStatus: 404 },
  HS_ROUTE_VERSION_NOT_SERVED: {
    message: '{version} of {moduleName} gets no traffic now: the route has {served}',
    httpStatus: 404,
  },
  HS_ROUTE_NO_NODE: {
    message: 'No node can take a call of {moduleName} now ({why}): try again shortly',
    httpStatus: 503,
    retryable: true,
  },
  HS_ROUTE_NODE_LOST: {
    message: 'Node {nodeId} was lost after it had got the call ({why}): whether the function ran is not known',
    httpStatus: 502,
  },
  HS_ROUTE_TIMEOUT: { message: 'Node {nodeId} did not answer within {timeoutMs} ms', httpStatus: 504, retryable: true },
} as const;

/** Union of the gateway's codes. @public */
export type GatewayErrorCode = keyof typeof gatewayErrorCodes;

/** Errors with the gateway's codes. @internal */
export const gatewayError: ErrorFactory<typeof gatewayErrorCodes> = errorFactory(gatewayErrorCodes);
