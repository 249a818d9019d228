import { errorFactory, type ErrorFactory } from '@hotswap/core';

/** Codes that the command line raises by itself. @public */
export const cliErrorCodes = {
  HS_CONFIG_NO_SERVER: {
    message:
      'No server is known: start one with `npm start`, or name it with --server and --token, HOTSWAP_SERVER and HOTSWAP_TOKEN, or --data-dir (looked in {looked})',
    httpStatus: 400,
  },
  HS_CLI_INVALID_SERVER: {
    message:
      '{source} names {address} as the address of the server: {why}. An address looks like http://127.0.0.1:5000 or https://hotswap.example.org',
    httpStatus: 400,
  },
  HS_CLI_WRONG_SERVER: {
    message: 'What is at {address}, the address of the server by {source}, {why}',
    httpStatus: 400,
  },
  HS_CLI_SERVER_AWAY: {
    message:
      'A proxy at {address}, the address of the server by {source}, answers {status}: the server behind it does not answer. Is it running?',
    httpStatus: 503,
    retryable: true,
  },
  HS_CLI_UNREADABLE_FILE: { message: '{file} cannot be read: {why}', httpStatus: 400 },
  HS_CLI_NOT_A_BINARY: { message: '{file} is no WebAssembly binary: {why}', httpStatus: 400 },
  HS_CLI_INVALID_OPTION: { message: '{option} is not valid: {why}', httpStatus: 400 },
  HS_CLI_NO_RUNTIME: {
    message: 'Modules cannot be run here ({why}): install @hotswap/runtime-wasmtime beside the command line',
    httpStatus: 500,
  },
  HS_CLI_NOT_A_COMMAND: {
    message:
      'The module is no program (it exports neither _start nor wasi:cli/run): call one of its functions with --invoke: {functions}',
    httpStatus: 400,
  },
  HS_CLI_UNKNOWN_FUNCTION: { message: 'The module exports no function {name}; it has {functions}', httpStatus: 404 },
  HS_CLI_AUDIT_DAMAGED: {
    message: 'The record is not whole: {where}: {why}',
    httpStatus: 500,
  },
  HS_CLI_NO_SUCH_STEP: {
    message: 'The journal of {deploymentId} has no step {step}: hotswap why {deploymentId} shows all of them',
    httpStatus: 404,
  },
  HS_CLI_NEVER_DEPLOYED: {
    message:
      '{subject} is neither a deployment nor the name of a module that one has changed: hotswap deployments shows what there is',
    httpStatus: 404,
  },
  HS_CLI_NOTHING_TO_UNDO: {
    message: 'Nothing served {moduleName} before {deploymentId}: name a release with --to',
    httpStatus: 409,
  },
  HS_CLI_TIMEOUT: {
    message: '{what} is not over after {seconds} s; it goes on without being watched: hotswap status {id} --watch',
    httpStatus: 408,
  },
  HS_CLI_UNEXPECTED: { message: 'The command failed in a way that it does not know: {why}', httpStatus: 500 },
} as const;

/** Errors with the codes of the command line. @internal */
export const cliError: ErrorFactory<typeof cliErrorCodes> = errorFactory(cliErrorCodes);
