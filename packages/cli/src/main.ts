#!/usr/bin/env node
import { readBlocking } from './standard-input.ts';
import { runCli } from './run-cli.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => {
  interrupt.abort();
});

readBlocking(process.stdin);
process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signal: interrupt.signal,
  ownsProcess: true,
});
