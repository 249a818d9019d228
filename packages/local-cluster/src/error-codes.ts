import { errorFactory, type ErrorFactory } from '@hotswap/core';

/** Codes of starting and stopping a local cluster. @public */
export const localClusterErrorCodes = {
  HS_CLUSTER_START_FAILED: { message: '{process} did not become ready: {why}. Its log is in {log}', httpStatus: 500 },
} as const;

/** Errors with this package's codes. @internal */
export const localClusterError: ErrorFactory<typeof localClusterErrorCodes> = errorFactory(localClusterErrorCodes);
