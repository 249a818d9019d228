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
  HS_ROUTE_NODE_UNREACHABLE: {
    message: 'Node {nodeId} cannot be reached ({why}): look at whether its agent runs, and try again',
    httpStatus: 503,
    retryable: true,
  },
  HS_ROUTE_NODE_REFUSED: {
    message: 'Node {nodeId} did not answer the question (status {status}, {why}): look at the version of its agent',
    httpStatus: 502,
  },
  HS_ROUTE_NO_HTTP: {
    message: '{moduleName} is not reached by HTTP: deploy a release whose module has an `http` block',
    httpStatus: 404,
  },
  HS_ROUTE_INVALID_PATH: {
    message: 'The path cannot be sent on: {why}',
    httpStatus: 400,
  },
  HS_ROUTE_URI_TOO_LONG: { message: 'The path and query are longer than {limitBytes} bytes', httpStatus: 414 },
  HS_ROUTE_BODY_TOO_LARGE: { message: 'The body is larger than {limitBytes} bytes', httpStatus: 413 },
  HS_ROUTE_CODING_REFUSED: {
    message:
      'A body with the transfer coding {coding} cannot be sent on: send it with chunked alone, or with its length',
    httpStatus: 501,
  },
  HS_ROUTE_UPGRADE_REFUSED: {
    message: 'Connections cannot be turned into {protocol} here: use plain HTTP',
    httpStatus: 501,
  },
  HS_ROUTE_OVERLOADED: {
    message: 'Too many requests of {moduleName} are under way: try again after the time in Retry-After',
    httpStatus: 503,
    retryable: true,
  },
  HS_ROUTE_TIMEOUT: { message: 'Node {nodeId} did not answer within {timeoutMs} ms', httpStatus: 504, retryable: true },
} as const;

/** Union of the gateway's codes. @public */
export type GatewayErrorCode = keyof typeof gatewayErrorCodes;

/** Errors with the gateway's codes. @internal */
export const gatewayError: ErrorFactory<typeof gatewayErrorCodes> = errorFactory(gatewayErrorCodes);
