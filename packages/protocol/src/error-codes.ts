import { errorFactory, type ErrorFactory } from '@hotswap/core';

/**
 * Codes that the wire code raises by itself; everything else that a client sees carries the server's own code.
 * @public
 */
export const protocolErrorCodes = {
  HS_AGENT_INVALID_ARGUMENT: { message: '{path} does not fit {type}: {why}', httpStatus: 400 },
  HS_CLIENT_UNREACHABLE: {
    message: 'The server at {baseUrl} does not answer: {why}. Is it running, and is the address right?',
    httpStatus: 503,
    retryable: true,
  },
  HS_CLIENT_UNEXPECTED_ANSWER: {
    message: 'The server at {baseUrl} answered {status} to {request} without a problem document: {why}',
    httpStatus: 502,
  },
} as const;

/** Union of the codes of this package. @public */
export type ProtocolErrorCode = keyof typeof protocolErrorCodes;

/** Makes errors with the codes of this package. @public */
export const protocolError: ErrorFactory<typeof protocolErrorCodes> = errorFactory(protocolErrorCodes);
