import { errorFactory, type ErrorFactory } from '@hotswap/core';

/** Codes that the command line raises by itself. @public */
export const cliErrorCodes = {
  HS_CONFIG_NO_SERVER: {
    message:
      'No server is known: start one with `npm start`, or name it with --server and --token, HOTSWAP_SERVER and HOTSWAP_TOKEN, or --data-dir (looked in {looked})',
    httpStatus: 400,
  },
  HS_CLI_UNREADABLE_FILE: { message: '{file} cannot be read: {why}', httpStatus: 400 },
  HS_CLI_INVALID_OPTION: { message: '{option} is not valid: {why}', httpStatus: 400 },
  HS_CLI_TIMEOUT: {
    message: '{what} is not over after {seconds} s; it goes on without being watched: hotswap status {id} --watch',
    httpStatus: 408,
  },
  HS_CLI_UNEXPECTED: { message: 'The command failed in a way that it does not know: {why}', httpStatus: 500 },
} as const;

/** Errors with the codes of the command line. @internal */
export const cliError: ErrorFactory<typeof cliErrorCodes> = errorFactory(cliErrorCodes);
