import { errorFactory, type ErrorFactory } from '@hotswap/core';

/**
 * Codes that the server itself raises. Message templates name what happened, why, and what to do next.
 * @public
 */
export const serverErrorCodes = {
  HS_API_NOT_FOUND: {
    message: 'There is nothing at {method} {path}: the API is described at /api/docs',
    httpStatus: 404,
  },
  HS_API_INVALID_REQUEST: { message: 'The request is not valid: {why}', httpStatus: 400 },
  HS_API_INVALID_JSON: { message: 'The body is not acceptable JSON: {why}', httpStatus: 400 },
  HS_API_UNSUPPORTED_MEDIA_TYPE: { message: '{what} is not taken here: send {accepted}', httpStatus: 415 },
  HS_API_STALE: { message: '{what} has changed since it was read: read it again and decide anew', httpStatus: 412 },
  HS_API_INTERNAL: { message: 'The server failed: its log has the reason under request {requestId}', httpStatus: 500 },
  HS_API_UNAVAILABLE: {
    message: 'The server is {state}: try again shortly, or ask another one',
    httpStatus: 503,
    retryable: true,
  },
  HS_API_TIMEOUT: { message: 'The request took longer than the server allows', httpStatus: 408, retryable: true },
  HS_API_IDEMPOTENCY_RUNNING: {
    message: 'A request with this Idempotency-Key is still being carried out: ask again for its answer',
    httpStatus: 409,
    retryable: true,
  },
  HS_API_IDEMPOTENCY_MISMATCH: {
    message: 'This Idempotency-Key belongs to a request with another content: use a new key',
    httpStatus: 422,
  },
  HS_API_RANGE_NOT_SATISFIABLE: {
    message: 'The range lies beyond the {sizeBytes} bytes of the module',
    httpStatus: 416,
  },
  HS_PLUGIN_NOT_FOUND: {
    message:
      'The plugin {plugin} could not be loaded: {why}. Install it where the server runs, or give a path from there',
    httpStatus: 500,
  },
  HS_PLUGIN_INVALID: { message: '{plugin} is no plugin of this server: {why}', httpStatus: 500 },
  HS_LIMIT_BODY_SIZE: {
    message: 'The body is larger than the {limitBytes} bytes that are taken here',
    httpStatus: 413,
  },
  HS_LIMIT_HEADER_SIZE: {
    message: 'The address and headers are larger than the {limitBytes} bytes that are taken here',
    httpStatus: 431,
  },
  HS_LIMIT_MODULE_SIZE: {
    message:
      'The module is larger than the {limitBytes} bytes that MAX_WASM_SIZE allows: make it smaller or raise the limit',
    httpStatus: 413,
  },
  HS_LIMIT_UPLOADS: {
    message: '{limit} uploads are running, which is all that is allowed at a time: try again shortly',
    httpStatus: 503,
    retryable: true,
  },
  HS_ALERT_NOT_DELIVERED: {
    message: 'The webhook did not take the alert {alertId}: {why}. Look at alertsWebhookUrl and at its receiver',
    httpStatus: 502,
    retryable: true,
  },
  HS_LIMIT_STREAMS: {
    message: 'Too many event streams are open ({limit}): close some first',
    httpStatus: 503,
    retryable: true,
  },
  HS_LIMIT_RESOURCES: {
    message: '{limit} of {asked} is above the ceiling of {ceiling} that this server is configured with',
    httpStatus: 400,
  },
  HS_LIMIT_RATE: {
    message: '{what}: {limit} {per} is all; try again in {retryAfterSeconds} s',
    httpStatus: 429,
    retryable: true,
  },
  HS_AUTH_REQUIRED: { message: 'This needs a valid credential: send `Authorization: Bearer ...`', httpStatus: 401 },
  HS_AUTH_LOGIN_FAILED: { message: 'The name and the password do not belong together', httpStatus: 401 },
  HS_AUTH_LOGIN_BACK_OFF: {
    message: 'Too many logins have failed: try again in {retryAfterSeconds} s',
    httpStatus: 429,
    retryable: true,
  },
  HS_AUTH_CROSS_SITE: {
    message: 'The request carries a session cookie, but does not come from this site: send `Authorization: Bearer ...`',
    httpStatus: 403,
  },
  HS_AUTH_PROVIDER_UNAVAILABLE: {
    message: 'The keys of the identity provider cannot be had, so nobody knows whose token it is: try again shortly',
    httpStatus: 503,
    retryable: true,
  },
  HS_AUTH_USER_NOT_FOUND: { message: 'There is no user {userId}', httpStatus: 404 },
  HS_AUTH_KEY_NOT_FOUND: { message: 'There is no key {keyId}', httpStatus: 404 },
  HS_AUTH_NOT_GRANTABLE: {
    message: '{subject} cannot hand out {what}: it is more than {subject} has',
    httpStatus: 403,
  },
  HS_AUTH_OTHER_TENANT: {
    message: 'Only an admin of the tenant `default` makes users and keys in others',
    httpStatus: 403,
  },
  HS_AUTH_OWN_ACCOUNT: {
    message: 'Admins do not take away their own role or account: ask another one, so that one is always left',
    httpStatus: 409,
  },
  HS_AUTH_NO_SESSION: { message: 'This needs somebody who has logged in, {subject} uses a {kind}', httpStatus: 409 },
  HS_AUTH_WEAK_PASSWORD: { message: 'The password is too easy to guess: {why}', httpStatus: 400 },
  HS_AUTH_RESERVED_NAME: { message: 'The name {username} is taken by the installation itself', httpStatus: 409 },
  HS_AUTH_FORBIDDEN: { message: '{subject} has the role {role}, this needs {needed}', httpStatus: 403 },
  HS_AUTH_NOT_YOURS: { message: '{what} belongs to somebody else: ask its author or an admin', httpStatus: 403 },
  HS_AUTH_APPROVER_MISMATCH: {
    message: 'approvedBy names {approvedBy}, but the caller is {subject}: the approver is the caller',
    httpStatus: 403,
  },
  HS_REGISTRY_INVALID_BINARY: { message: 'Invalid WASM binary: {why}', httpStatus: 400 },
  HS_REGISTRY_INVALID_BASE64: {
    message: 'wasmBinary is not canonical base64 with padding: encode the file with `base64 -w0`',
    httpStatus: 400,
  },
  HS_REGISTRY_WASI_MISMATCH: {
    message:
      'The module is declared as {declared}, but its binary is {actual}: correct wasiVersion or build it for {declared}',
    httpStatus: 400,
  },
  HS_REGISTRY_INTERFACE_EXCEEDED: {
    message: 'The binary imports {imports}, which interfaces does not allow: add it there or build without it',
    httpStatus: 400,
  },
  HS_REGISTRY_HEALTH_FUNCTION_MISSING: {
    message:
      'The module exports no function {functionName}: export it, name another one in healthCheck.functionName, or set healthCheck.enabled to false',
    httpStatus: 400,
  },
  HS_REGISTRY_SERVES_NO_HTTP: {
    message: 'The module answers no HTTP requests: {lacks}; leave `http` out or upload a binary that serves',
    httpStatus: 400,
  },
  HS_REGISTRY_STATEFUL_HTTP: {
    message:
      'A module with runtime.stateful answers calls of functions, one at a time, and no HTTP requests: leave `http` or `runtime.stateful` out',
    httpStatus: 400,
  },
  HS_DEPLOYMENT_TRAIN_CYCLE: {
    message:
      'These modules need one another in a circle: {cycle}; break it, or set order to given and say yourself which goes first',
    httpStatus: 400,
  },
  HS_DEPLOYMENT_TRAIN_TWICE: {
    message: '{moduleName} is in the train twice: a train takes one version of each module',
    httpStatus: 400,
  },
  HS_DEPLOYMENT_TRAIN_NOT_FOUND: { message: 'There is no train {trainId}', httpStatus: 404 },
  HS_DEPLOYMENT_TRAIN_REFUSED: {
    message: '{command} is not possible while the train is {status}: {why}',
    httpStatus: 409,
  },
  HS_REGISTRY_OTHER_MODULE: {
    message: '{releaseId} is a release of {moduleName}, not of {expected}: name one of its own',
    httpStatus: 400,
  },
  HS_INTERFACE_NAME_MISMATCH: {
    message: 'The request is about {stated}, but the text says `package {written}`: make both say the same',
    httpStatus: 400,
  },
  HS_INTERFACE_DEPENDENCIES: {
    message: 'More than {limit} packages stand behind the text: split it',
    httpStatus: 400,
  },
  HS_INTERFACE_SELF_APPROVAL: {
    message: '{subject} registered {name}: where approval is required another admin has to approve it',
    httpStatus: 409,
  },
  HS_INTERFACE_APPROVAL_UNBOUND: {
    message:
      '{name} was rejected and registered anew with another text: read it again and approve that, by `revision` {revision} in the request or its ETag in If-Match',
    httpStatus: 412,
  },
  HS_INTERFACE_NOT_REGISTERED: {
    message: '{against} is neither a registered interface (`acme:img@1.2.0`) nor a module id',
    httpStatus: 404,
  },
  HS_INTERFACE_NOT_APPROVED: {
    message: 'Module {moduleId} does not keep to the interface registry: {why}',
    httpStatus: 409,
  },
  HS_INTERFACE_HOST_CANNOT_LINK: {
    message: 'Nodes of the deployment cannot run {moduleId}: {why}; choose other regions or nodes, or build without it',
    httpStatus: 409,
  },
  HS_INTERFACE_BREAKS_CONSUMERS: {
    message:
      'Module {moduleId} would break {count} that use what serves now: {who}. Keep those functions, move the callers first, or let an admin deploy with allowBreaking',
    httpStatus: 409,
  },
  HS_NODE_SUPERSEDED: {
    message: 'Another session of node {nodeId} has taken over: this one has to end',
    httpStatus: 410,
  },
  HS_NODE_BAD_ANSWER: {
    message: 'Node {nodeId} answered something else than it was asked ({why}): look at the version of its agent',
    httpStatus: 502,
  },
  HS_CONFIG_INVALID: { message: 'The configuration is not valid: {why}', httpStatus: 500 },
} as const;

/** Union of the server's codes. @public */
export type ServerErrorCode = keyof typeof serverErrorCodes;

/** Errors with the server's codes. @internal */
export const serverError: ErrorFactory<typeof serverErrorCodes> = errorFactory(serverErrorCodes);
