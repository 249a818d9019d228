import { errorFactory, type ErrorFactory } from '@hotswap/core';

/**
 * Codes that this package raises. Message templates name what happened, why, and what to do next.
 * @public
 */
export const storeErrorCodes = {
  HS_STORE_NOT_FOUND: {
    message: 'There are no bytes with the digest {digest}: upload the module again',
    httpStatus: 404,
  },
  HS_STORE_DIGEST_MISMATCH: {
    message: 'The bytes have the digest {actual}, not {expected}: they were damaged on the way, send them again',
    httpStatus: 400,
  },
  HS_STORE_TOO_LARGE: {
    message: 'More than {maxSizeBytes} bytes were sent: make the module smaller or have the limit raised',
    httpStatus: 413,
  },
  HS_STORE_INVALID_DIGEST: {
    message: '{digest} is not a digest: 64 lower-case hex digits are needed',
    httpStatus: 400,
  },
  HS_STORE_DISK_FULL: {
    message: 'The disk of the module store is full: free space and send the module again',
    httpStatus: 507,
    retryable: true,
  },
  HS_STORE_FAILED: {
    message: 'The module store could not {what} ({why}): this is a fault of the server, its log has the details',
    httpStatus: 500,
  },
} as const;

/** Union of the codes of this package. @public */
export type StoreErrorCode = keyof typeof storeErrorCodes;

/** Errors with the codes that this package declares. @internal */
export const storeError: ErrorFactory<typeof storeErrorCodes> = errorFactory(storeErrorCodes);
