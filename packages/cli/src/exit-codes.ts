import { isHotSwapError, type DeploymentStatus } from '@hotswap/core';

/** What a command ends with; scripts may rely on every one of them. @public */
export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  /** A deployment failed, was rolled back or ended in part. */
  deploymentFailed: 3,
  /** A deployment is paused or waits for an approval. */
  paused: 4,
  notFound: 5,
  denied: 6,
  conflict: 7,
  timeout: 8,
  serverUnreachable: 69,
  badConfig: 78,
  interrupted: 130,
} as const;

/** Exit code for how a deployment stands once nobody waits for it any more. @public */
export function exitCodeOfStatus(status: DeploymentStatus): number {
  switch (status) {
    case 'Completed':
      return exitCodes.ok;
    case 'Paused':
    case 'PendingApproval':
      return exitCodes.paused;
    case 'RolledBack':
    case 'PartiallyCompleted':
    case 'Failed':
    case 'Cancelled':
      return exitCodes.deploymentFailed;
    case 'Pending':
    case 'InProgress':
    case 'RollingBack':
      return exitCodes.timeout;
  }
}

const byHttpStatus: Readonly<Record<number, number>> = {
  400: exitCodes.usage,
  401: exitCodes.denied,
  403: exitCodes.denied,
  404: exitCodes.notFound,
  408: exitCodes.timeout,
  409: exitCodes.conflict,
  412: exitCodes.conflict,
  422: exitCodes.error,
  504: exitCodes.timeout,
};

/** Exit code for anything that a command threw. @public */
export function exitCodeOfError(error: unknown): number {
  if (isHotSwapError(error, 'HS_CLIENT_UNREACHABLE')) return exitCodes.serverUnreachable;
  if (isHotSwapError(error) && error.code.startsWith('HS_CONFIG_')) return exitCodes.badConfig;
  if (isHotSwapError(error)) return byHttpStatus[error.httpStatus] ?? exitCodes.error;
  return exitCodes.error;
}
