#!/usr/bin/env node
import { readBlocking } from './standard-input.ts';
import { exitCodes } from './exit-codes.ts';
import { runCli } from './run-cli.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => {
  interrupt.abort();
});

// Whoever read the output has what he wanted (`| head`): the command ends as other programs do, without a word.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(exitCodes.outputClosed);
  });

readBlocking(process.stdin);
process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signal: interrupt.signal,
  ownsProcess: true,
});
