import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { cliError } from './error-codes.ts';

/**
 * Makes reads of standard input wait for data again. Node turns the stream of a pipe into one that does not wait as soon
 * as anything asks for `process.stdin`; a guest that inherits the stream would take "nothing yet" for a failure.
 * @internal
 */
export function readBlocking(stdin: NodeJS.ReadStream): void {
  const { _handle: handle } = stdin as { readonly _handle?: { setBlocking?(isBlocking: boolean): unknown } };
  handle?.setBlocking?.(true);
}

/**
 * Makes a file the standard input of this process, for a guest that inherits it: such a guest may read more than memory
 * holds, and writes as it goes.
 * @returns `false` where a process cannot exchange the stream, on Windows.
 * @throws HS_CLI_UNREADABLE_FILE
 * @internal
 */
export function readStandardInputFrom(file: string): boolean {
  if (process.platform === 'win32') return false;
  const why = unreadable(file);
  if (why !== undefined) throw cliError('HS_CLI_UNREADABLE_FILE', { file, why });
  // What is opened next gets the lowest number that is free.
  closeSync(0);
  return openSync(file, 'r') === 0;
}

function unreadable(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    return statSync(file).isDirectory() ? 'EISDIR' : undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
