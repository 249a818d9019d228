import { errorFactory, type ErrorFactory } from '@hotswap/core';

/** Codes that the simulator raises by itself. @public */
export const simulatorErrorCodes = {
  HS_CONFIG_INVALID_SCENARIO: { message: 'The scenario is not valid: {why}', httpStatus: 400 },
  HS_LIMIT_SIMULATION: {
    message: 'The simulation was given up: {why}. Take fewer nodes, larger batches, or a shorter time in `until`',
    httpStatus: 422,
  },
} as const;

/** Errors with the codes of the simulator. @public */
export const simulatorError: ErrorFactory<typeof simulatorErrorCodes> = errorFactory(simulatorErrorCodes);
