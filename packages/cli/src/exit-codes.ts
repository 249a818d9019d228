import { isHotSwapError, type DeploymentStatus } from '@hotswap/core';

/** What a command ends with; scripts may rely on every one of them. @public */
export const exitCodes = {
  /** Done. */
  ok: 0,
  /** An error, or a command module that exited with another code than 0. */
  error: 1,
  /** Wrong usage, or input that the server refused. */
  usage: 2,
  /** A deployment failed, was rolled back or ended in part. */
  deploymentFailed: 3,
  /** A deployment is paused or waits for an approval. */
  paused: 4,
  /** What was named does not exist. */
  notFound: 5,
  /** No credential, or one that may not do this. */
  denied: 6,
  /** Not possible as things stand now. */
  conflict: 7,
  /** Not over in time. */
  timeout: 8,
  /** The server does not answer. */
  serverUnreachable: 69,
  /** No server is known, or its configuration is not valid. */
  badConfig: 78,
  /** Ctrl-C. */
  interrupted: 130,
  /** Nobody reads the output any more, e.g. behind `| head`; as a signal SIGPIPE would end it. */
  outputClosed: 141,
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
  if (isHotSwapError(error, 'HS_CLIENT_UNREACHABLE') || isHotSwapError(error, 'HS_CLI_SERVER_AWAY'))
    return exitCodes.serverUnreachable;
  if (isHotSwapError(error) && error.code.startsWith('HS_CONFIG_')) return exitCodes.badConfig;
  if (isHotSwapError(error)) return byHttpStatus[error.httpStatus] ?? exitCodes.error;
  return exitCodes.error;
}
