// An engine of containers by its command line: docker, or podman.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { SetupProblem } from '../bootstrap/progress.mjs';

const run = promisify(execFile);
const patienceMs = 120_000;

/** Runs a program with given arguments before those of the call. What it says on standard error is the reason when it fails. */
export function engineOf(program, before = [], options = {}) {
  return async (...args) => {
    const { stdout } = await run(program, [...before, ...args], { maxBuffer: 64 * 1024 * 1024, ...options });
    return stdout.trim();
  };
}

/** The last that a container said, on either stream; the reason where nobody can say. */
export const logsOf = (program, name) =>
  run(program, ['logs', '--tail', '40', name]).then(
    ({ stdout, stderr }) => `${stdout}${stderr}`,
    (error) => error.stderr,
  );

/** Waits until `look` finds something, and resolves with it. */
export async function until(what, look) {
  const deadline = performance.now() + patienceMs;
  for (let last; ;) {
    const found = await Promise.resolve()
      .then(look)
      .catch((error) => void (last = error));
    if (found) return found;
    if (performance.now() > deadline)
      throw new SetupProblem(
        `${what} did not come about${last === undefined ? '' : `: ${last.stderr || last.message}`}`,
      );
    await sleep(250);
  }
}
