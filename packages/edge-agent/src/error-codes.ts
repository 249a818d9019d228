import { errorFactory, type ErrorFactory } from '@hotswap/core';

/**
 * Codes that an agent raises or reports for a release. Message templates name what happened, why, and what to do next.
 * @public
 */
export const agentErrorCodes = {
  HS_AGENT_CONFIG_INVALID: { message: 'The agent configuration is not valid: {why}', httpStatus: 400 },
  HS_AGENT_RELEASE_NOT_HERE: {
    message:
      'Release {releaseId} of {moduleName} is not served by this node: refresh the route and ask a node that has it',
    httpStatus: 421,
    retryable: true,
  },
  HS_AGENT_MODULE_NOT_HERE: {
    message: 'This node serves no release of {moduleName}: refresh the route and ask another node',
    httpStatus: 421,
    retryable: true,
  },
  HS_AGENT_STALE_EPOCH: {
    message:
      'Epoch {epoch} of {moduleName} is older than epoch {applied}, which this node has applied: the state comes from an outdated server and was refused',
    httpStatus: 409,
  },
  HS_AGENT_TOO_MANY_MODULES: {
    message: 'The node holds its maximum of {maxModules} modules: raise MaxModules or retire one first',
    httpStatus: 409,
  },
  HS_AGENT_CAPABILITY_DENIED: {
    message:
      'The release asks for {capability}, which this node does not grant: add it to {key} of the agent configuration or choose other nodes',
    httpStatus: 403,
  },
  HS_AGENT_PULL_FAILED: {
    message: 'The bytes of {moduleId} could not be fetched: {why}',
    httpStatus: 502,
    retryable: true,
  },
  HS_AGENT_PULL_REFUSED: {
    message: 'The server refused the bytes of {moduleId} with status {status}: {why}',
    httpStatus: 502,
  },
  HS_AGENT_DIGEST_MISMATCH: {
    message:
      'The bytes of {moduleId} have the digest {actual} instead of {digest}: they were thrown away, check the module store',
    httpStatus: 502,
  },
  HS_AGENT_CACHE_FULL: {
    message:
      '{sizeBytes} bytes do not fit into the module cache of {maxSizeBytes} bytes beside what is in use: raise CacheMaxSizeMB',
    httpStatus: 507,
  },
  HS_AGENT_DISK_FULL: {
    message: 'The disk of the node is full: free space in its data directory; what runs goes on running',
    httpStatus: 507,
    retryable: true,
  },
  HS_AGENT_RUNTIME_CANNOT: {
    message:
      'The release needs {what}, which {runtime} on this node does not have: deploy it to nodes whose runtime has the capability {capability}, or change what the release asks for',
    httpStatus: 409,
  },
  HS_AGENT_RELEASE_QUARANTINED: {
    message:
      'The node died {deaths} times while it was loading release {releaseId} and leaves it alone for an hour: look at the module, deploy another version, or remove the mark in the folder `loading` of the node to try at once',
    httpStatus: 409,
  },
  HS_AGENT_LOAD_FAILED: { message: 'The release could not be loaded: {why}', httpStatus: 500 },
  HS_AGENT_UNAUTHENTICATED: { message: 'The call carries no valid token of the server for this node', httpStatus: 401 },
  HS_AGENT_NOT_FOUND: {
    message: 'There is nothing at this address: call POST /invoke/{moduleName}/{function} or GET /health',
    httpStatus: 404,
  },
  HS_AGENT_INVALID_REQUEST: { message: 'The request is not valid: {why}', httpStatus: 400 },
  HS_AGENT_UNKNOWN_FUNCTION: {
    message:
      '{moduleId} exports no function {functionName} that can be called: look at its exports with GET /api/v1/wasm/modules/{moduleId}',
    httpStatus: 404,
  },
  HS_AGENT_BODY_TOO_LARGE: {
    message: 'The body is larger than {limitBytes} bytes: send less or raise maxInputSize of the module',
    httpStatus: 413,
  },
  HS_AGENT_TOO_MANY_READERS: {
    message: '{limit} readers already wait for lines of the log of this node: end some, then try again',
    httpStatus: 503,
    retryable: true,
  },
  HS_AGENT_STOPPING: { message: 'The node is stopping: ask another one', httpStatus: 503, retryable: true },
  HS_AGENT_INTERNAL: {
    message: 'The node failed to answer: its log has the reason under request {requestId}',
    httpStatus: 500,
  },
  HS_AGENT_NOT_REGISTERED: {
    message:
      'The node has no credential and no join token: create a token with POST /api/v1/wasm/join-tokens and give it as JoinToken or JoinTokenFile',
    httpStatus: 401,
  },
  HS_AGENT_SERVER_REFUSED: { message: 'The server answered {operation} with status {status}: {why}', httpStatus: 502 },
  HS_AGENT_SERVER_UNREACHABLE: {
    message: 'The server did not answer {operation}: {why}',
    httpStatus: 503,
    retryable: true,
  },
  HS_AGENT_SUPERSEDED: { message: 'Another agent has taken over as {nodeId}: this one stops', httpStatus: 410 },
} as const;

/** Union of the agent's codes. @public */
export type AgentErrorCode = keyof typeof agentErrorCodes;

/** Errors with the agent's codes. @internal */
export const agentError: ErrorFactory<typeof agentErrorCodes> = errorFactory(agentErrorCodes);
