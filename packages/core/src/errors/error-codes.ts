/**
 * Codes that core raises. Message templates name what happened, why, and what to do next.
 * @public
 */
export const coreErrorCodes = {
  HS_CORE_INVALID_DURATION: {
    message: '{value} is not a duration: write ISO-8601 such as PT30S, PT5M or PT1H, or a number of seconds',
    httpStatus: 400,
  },
  HS_CORE_INVALID_VALUE: { message: '{what} is not valid: {why}', httpStatus: 400 },
  HS_JOURNAL_CONFLICT: {
    message: 'The journal of {deploymentId} has moved on since it was read: read it again and decide anew',
    httpStatus: 409,
    retryable: true,
  },
  HS_JOURNAL_CORRUPT: { message: 'The journal of {deploymentId} is damaged at entry {seq}: {why}', httpStatus: 500 },
  HS_JOURNAL_UNKNOWN_ENTRY: {
    message:
      'Entry {seq} of {deploymentId} is of type {type}, which this version does not know: run the version that wrote it, or a newer one',
    httpStatus: 500,
  },
  HS_AUDIT_CORRUPT: {
    message: 'The audit chain is damaged at act {seq}: {why}',
    httpStatus: 500,
  },
  HS_DEPLOYMENT_NOT_FOUND: { message: 'There is no deployment {deploymentId}', httpStatus: 404 },
  HS_DEPLOYMENT_EXISTS: {
    message: 'A deployment with the id {deploymentId} exists already: leave deploymentId out or choose another',
    httpStatus: 409,
  },
  HS_DEPLOYMENT_ACTIVE: {
    message:
      'Deployment {deploymentId} of {moduleName} is still {status} in an overlapping set of regions: wait for it, abort it or roll it back first',
    httpStatus: 409,
  },
  HS_DEPLOYMENT_COMMAND_REFUSED: {
    message: '{command} is not possible while the deployment is {status}: {why}',
    httpStatus: 409,
  },
  HS_DEPLOYMENT_STALE: {
    message: 'Deployment {deploymentId} has moved on since it was read: look at it again before deciding',
    httpStatus: 412,
  },
  HS_DEPLOYMENT_STEP_MOVED: {
    message: 'The deployment is at step {actual}, not at step {expected}: look at it again before deciding',
    httpStatus: 412,
  },
  HS_AUTH_SELF_APPROVAL: {
    message:
      '{subject} is the author of {deploymentId}: where approval is required another admin has to approve or execute it',
    httpStatus: 409,
  },
  HS_AUTH_NOT_APPROVER: {
    message: '{subject} is not among those who may approve {deploymentId}: have one of them do it',
    httpStatus: 403,
  },
  HS_DEPLOYMENT_APPROVALS_MISSING: {
    message:
      '{deploymentId} needs {required} approvals and has {given} (by {by}): have it approved by others before it is executed',
    httpStatus: 409,
  },
  HS_DEPLOYMENT_TOO_FEW_APPROVERS: {
    message:
      '{deploymentId} needs {required} approvals, and besides {author}, its author, only {left} may give one: have somebody else create it, or an admin name more approvers in the policy',
    httpStatus: 409,
  },
  HS_DEPLOYMENT_FROZEN: {
    message:
      'Changes to {environment} are frozen ({reason}): {what} can be executed from {allowedAt} on. In an emergency an admin sets that aside with an override and its reason',
    httpStatus: 409,
    retryable: true,
  },
  HS_DEPLOYMENT_OUTSIDE_WINDOW: {
    message:
      '{environment} is closed for changes now: {what} can be executed from {allowedAt} on. In an emergency an admin sets that aside with an override and its reason',
    httpStatus: 409,
    retryable: true,
  },
  HS_DEPLOYMENT_APPROVAL_EXPIRED: {
    message: 'The approval of {deploymentId} by {by} ended at {expiresAt}: have it approved again',
    httpStatus: 409,
  },
  HS_DEPLOYMENT_APPROVAL_VOID: {
    message: '{deploymentId} is not what was approved ({what} differs): look at it again and approve anew',
    httpStatus: 409,
  },
  HS_DEPLOYMENT_NO_TARGETS: { message: 'No node can take {moduleName}: {why}', httpStatus: 409 },
  HS_DEPLOYMENT_UNKNOWN_SOURCE: {
    message:
      'The trigger on {metric} asks the metrics source {source}, and this server has {known}: name one of these, or configure it',
    httpStatus: 400,
  },
  HS_DEPLOYMENT_CANNOT_MIRROR: {
    message: 'Requests cannot be copied to a new version of {moduleName}: {why}. Leave traffic.mirror out',
    httpStatus: 400,
  },
  HS_STRATEGY_UNKNOWN: { message: 'There is no strategy {strategy}: this server knows {known}', httpStatus: 400 },
  HS_STRATEGY_INVALID_CONFIG: { message: 'The configuration of {strategy} is not valid: {why}', httpStatus: 400 },
  HS_STRATEGY_STAGE_FAILED: { message: '{message}', httpStatus: 409 },
  HS_STRATEGY_INVALID_EFFECT: {
    message: '{kind} was yielded with input that its schema refuses: {why}',
    httpStatus: 500,
  },
  HS_SELECT_UNKNOWN_REGION: {
    message: 'No node is in region {region}: regions with nodes are {known}',
    httpStatus: 400,
  },
  HS_SELECT_REGION_FORBIDDEN: {
    message: '{moduleId} never leaves {allowed}: it cannot be deployed to {region}',
    httpStatus: 400,
  },
  HS_SELECT_UNKNOWN: {
    message: 'No selector is named {selector}: registered are {known}',
    httpStatus: 400,
  },
  HS_SELECT_INVALID_OPTIONS: {
    message: 'The options of the selector {selector} cannot be used: {why}',
    httpStatus: 400,
  },
  HS_PLUGIN_DUPLICATE: { message: 'Two {kind} plugins are named {name}: register one of them', httpStatus: 500 },
} as const;

/** Union of the codes of core. @public */
export type CoreErrorCode = keyof typeof coreErrorCodes;
