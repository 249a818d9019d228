// Progress lines of the scripts. They go to standard error, so that a command's standard output stays for programs.
import { performance } from 'node:perf_hooks';

export const seconds = (sinceMs) => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;

/** Prints one line, marked with the part of the work that speaks. */
export function say(part, text) {
  process.stderr.write(`[${part}] ${text}\n`);
}

/** A problem that the reader can mend: what is missing, why it is needed, how to get it. Printed without a stack. */
export class SetupProblem extends Error {
  name = 'SetupProblem';
  /** What a command ends with. */
  exitCode = 1;
}

/** Something that this machine cannot get, and that not everybody needs: callers may go on without it. */
export class Unavailable extends SetupProblem {
  name = 'Unavailable';
  /** `EX_UNAVAILABLE` of sysexits. */
  exitCode = 69;
}

/** Runs `main` and turns its failure into a message and an exit code. */
export async function runAsCommand(part, main) {
  try {
    const exitCode = await main();
    if (typeof exitCode === 'number') process.exitCode = exitCode;
  } catch (error) {
    process.exitCode = error instanceof SetupProblem ? error.exitCode : 1;
    if (error instanceof SetupProblem) say(part, `cannot go on: ${error.message}`);
    else throw error;
  }
}
