import { type ErrorFactory, errorFactory } from '@hotswap/core';

/**
 * Codes that only the WasmEdge runtime raises; the others are those of every engine in a child process.
 * @public
 */
export const wasmedgeErrorCodes = {
  HS_RUNTIME_WASMEDGE_NOT_FOUND: {
    message:
      'No WasmEdge library that this version works with was found. Tried {tried}; found {found}. WasmEdge {minimum} is needed. Install it as wasmedge.org/docs says, or from your distribution (libwasmedge0), or name the library file in WASMEDGE_LIB. It is optional: Wasmtime is the default runtime and needs nothing',
    httpStatus: 500,
  },
} as const;

/** Errors with the codes that this package declares. @internal */
export const wasmedgeError: ErrorFactory<typeof wasmedgeErrorCodes> = errorFactory(wasmedgeErrorCodes);
