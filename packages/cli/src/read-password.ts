import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { cliError } from './error-codes.ts';

/**
 * A password from the environment variable, from a pipe, or from the keyboard, where it is not shown. Never an argument:
 * other users of the machine could read that.
 * @throws HS_CLI_INVALID_OPTION when there is none
 * @internal
 */
export async function readPassword(env: NodeJS.ProcessEnv, variable: string, prompt: string): Promise<string> {
  const given = env[variable];
  if (given !== undefined && given !== '') return given;
  const isTyped = process.stdin.isTTY;
  if (isTyped) process.stderr.write(prompt);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: isTyped });
  // A keyboard that is read key by key makes no signal of Ctrl-C.
  lines.once('SIGINT', () => {
    process.emit('SIGINT');
    lines.close();
  });
  try {
    for await (const line of lines) if (line !== '') return line;
  } finally {
    lines.close();
    if (isTyped) process.stderr.write('\n');
  }
  throw cliError('HS_CLI_INVALID_OPTION', { option: variable, why: 'no password was given' });
}
