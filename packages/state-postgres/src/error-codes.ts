import { errorFactory, type ErrorFactory } from '@hotswap/core';

/**
 * Codes that this package raises besides those of core. Message templates name what happened, why, and what to do next.
 * @public
 */
export const stateErrorCodes = {
  HS_STORE_DATA_DIR_LOCKED: {
    message:
      'The data directory is in use by process {pid} on {host}: stop that process, or start this one on a data directory of its own',
    httpStatus: 503,
  },
  HS_STORE_UNAVAILABLE: {
    message: 'The database does not answer ({why}): the call can be repeated once it is back',
    httpStatus: 503,
    retryable: true,
  },
  HS_STORE_STANDBY: { message: 'The database is a standby that only reads: connect to the primary', httpStatus: 503 },
  HS_STORE_QUERY_FAILED: {
    message: 'The database refused a statement ({why}): this is a fault of the server, its log has the details',
    httpStatus: 500,
  },
  HS_STORE_INVALID_TEXT: {
    message: 'A text holds a character that cannot be stored (U+0000 or half a surrogate pair): remove it',
    httpStatus: 400,
  },
  HS_STORE_INVALID_CURSOR: {
    message: 'The cursor is not one that this list has given out: start again without a cursor',
    httpStatus: 400,
  },
  HS_STORE_STALE: { message: '{what} has changed since it was read: read it again and decide anew', httpStatus: 412 },
  HS_AUTH_USER_EXISTS: { message: 'There is a user {username} already: choose another name', httpStatus: 409 },
  HS_DEPLOYMENT_TRAIN_EXISTS: {
    message: 'A train with the id {trainId} exists already: leave trainId out or choose another',
    httpStatus: 409,
  },
  HS_REGISTRY_MODULE_EXISTS: {
    message:
      'Module {moduleId} exists already with another {differs}: choose the next version, a registered one never changes',
    httpStatus: 409,
  },
  HS_REGISTRY_MODULE_NOT_FOUND: { message: 'There is no module {moduleId}', httpStatus: 404 },
  HS_REGISTRY_MODULE_IN_USE: {
    message: 'Module {moduleId} is still used by {usedBy}: retire it there first',
    httpStatus: 409,
  },
  HS_REGISTRY_RELEASE_NOT_FOUND: { message: 'There is no release {releaseId}', httpStatus: 404 },
  HS_INTERFACE_NOT_FOUND: {
    message: 'There is no interface {name}: `hotswap interface list` shows all',
    httpStatus: 404,
  },
  HS_INTERFACE_EXISTS: {
    message: 'Interface {name}@{version} exists already with another text: choose the next version',
    httpStatus: 409,
  },
  HS_INTERFACE_DECISION_REFUSED: {
    message: 'Interface {name} is {status}: it cannot become {wanted} from there',
    httpStatus: 409,
  },
  HS_NODE_NOT_FOUND: { message: 'There is no node {nodeId}', httpStatus: 404 },
  HS_NODE_EXISTS: {
    message:
      'A node {nodeId} with another key is registered already: choose another node id, or delete that node first',
    httpStatus: 409,
  },
  HS_ROUTE_RELEASE_NOT_READY: {
    message:
      'Release {releaseId} of {moduleName} is loaded on no node, so nothing can be routed to it: loaded are {ready}. Deploy it first',
    httpStatus: 409,
  },
  HS_NODE_IN_USE: {
    message:
      'Node {nodeId} is a target of deployment {deploymentId}, which has not ended: wait for it or abort it first',
    httpStatus: 409,
  },
  HS_NODE_UNHEALTHY: { message: 'The health check of the node failed: {why}', httpStatus: 409 },
  HS_NODE_FAILED: { message: 'The node could not do what it was told: {why}', httpStatus: 409 },
  HS_AUTH_INVALID_JOIN_TOKEN: {
    message: 'The join token is unknown, used up or expired: ask for a new one',
    httpStatus: 401,
  },
  HS_AUTH_REGION_NOT_ALLOWED: {
    message: 'The join token does not admit nodes of region {region}: ask for one that does',
    httpStatus: 403,
  },
} as const;

/** Union of the codes of this package. @public */
export type StateErrorCode = keyof typeof stateErrorCodes;

/** Errors with the codes that this package declares. @internal */
export const stateError: ErrorFactory<typeof stateErrorCodes> = errorFactory(stateErrorCodes);
