export { cliErrorCodes } from './error-codes.ts';
export { exitCodeOfError, exitCodeOfStatus, exitCodes } from './exit-codes.ts';
export { runCli } from './run-cli.ts';
export type { CliEnvironment } from './run-cli.ts';
