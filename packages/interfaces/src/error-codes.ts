import { errorFactory, type ErrorFactory } from '@hotswap/core';

/**
 * Codes of reading and comparing interfaces.
 * @public
 */
export const interfaceErrorCodes = {
  HS_INTERFACE_INVALID_WIT: {
    message: 'The WIT text is not valid at line {line}, column {column}: {why}',
    httpStatus: 400,
  },
  HS_INTERFACE_UNRESOLVED: {
    message:
      'The WIT text refers to {name}, which is not in it: add it as a nested package, or register its package first',
    httpStatus: 400,
  },
  HS_INTERFACE_TOO_LARGE: {
    message: 'The WIT text has more than the {limit} {unit} that are read: split it into packages',
    httpStatus: 413,
  },
} as const;

/** Union of the codes of this package. @public */
export type InterfaceErrorCode = keyof typeof interfaceErrorCodes;

/** Errors with the codes of this package. @internal */
export const interfaceError: ErrorFactory<typeof interfaceErrorCodes> = errorFactory(interfaceErrorCodes);
