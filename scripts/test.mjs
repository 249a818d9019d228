// `npm test`: every test there is, on real services, and one closing line over all of them.
//   vitest (unit, int, e2e) · cargo test of the engine and of the engines' protocol · a sample of the fault matrix
// A tool that a laptop lacks is a named skip; with CI=true it is a failure.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { engineManifest, engineTargetFolder } from './engines/engine-workspaces.mjs';
import { cargoTargetFolder, environmentOfClone, inRoot, pinnedNode, root } from './bootstrap/paths.mjs';
import { runAsCommand, say, seconds } from './bootstrap/progress.mjs';
import { runCommand, tail } from './bootstrap/run-command.mjs';
import { countsOfCargoTest, countsOfFaults, countsOfVitest, failuresOfVitest } from './test/count-results.mjs';
import { printParts, writeSummary } from './test/print-parts.mjs';
import { startServices } from './services.mjs';

const inCi = process.env.CI === 'true';
const failed = (note) => ({ passed: 0, failed: 1, skipped: 0, note });
/** What a missing tool counts as. */
const unavailable = (note) => (inCi ? failed(note) : { passed: 0, failed: 0, skipped: 1, note });

async function runVitest(environment, args) {
  const folder = mkdtempSync(join(tmpdir(), 'hotswap-test-'));
  try {
    const report = join(folder, 'vitest.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const cli = inRoot('node_modules', 'vitest', 'vitest.mjs');
    const run = await runCommand(pinnedNode, [cli, 'run', ...reporters, ...args], {
      cwd: root,
      env: environmentOfClone(environment),
      echo: true,
    });
    if (!existsSync(report)) return failed(`vitest ended with exit code ${run.code} and no report`);
    const result = JSON.parse(readFileSync(report, 'utf8'));
    const counts = countsOfVitest(result);
    if (run.code !== 0 && counts.failed === 0)
      return { ...counts, failed: 1, note: `vitest ended with exit code ${run.code}` };
    // Said again beneath the closing table: by then the faults and the engine's tests have scrolled the reasons away.
    return { ...counts, failures: failuresOfVitest(result).map((failure) => failure.replaceAll(`${root}/`, '')) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runCargoTest(...args) {
  if ((await runCommand('cargo', ['--version'])).code !== 0)
    return unavailable('cargo is not in PATH (https://rustup.rs)');
  const run = await runCommand('cargo', ['test', '--locked', '--no-fail-fast', ...args], { cwd: root, echo: true });
  const counts = countsOfCargoTest(run.stdout);
  return run.code !== 0 && counts.failed === 0
    ? { ...counts, failed: 1, note: `cargo test ended with exit code ${run.code}` }
    : counts;
}

async function runFaults() {
  if (!existsSync(inRoot('scripts', 'faults', 'main.ts'))) return failed('scripts/faults/main.ts is missing');
  const args = [inRoot('scripts', 'run.mjs'), 'faults', '--sample', '--json'];
  const run = await runCommand(pinnedNode, args, { cwd: root, env: environmentOfClone(), echo: true });
  const counts = countsOfFaults(tail(run.stdout, 1));
  if (counts === undefined) return failed(`the fault run ended with exit code ${run.code} and no result line`);
  return run.code !== 0 && counts.failed === 0 ? { ...counts, failed: 1, note: `exit code ${run.code}` } : counts;
}

/** Arguments narrow the run to vitest: `npm test -- packages/core` runs the test files whose path contains that. */
async function runParts(args) {
  const services = await startServices();
  const parts = [];
  const part = async (name, run) => {
    const sinceMs = performance.now();
    say('test', `${name} …`);
    parts.push({ name, ...(await run()), duration: seconds(sinceMs) });
  };
  try {
    for (const missing of services.missing) parts.push({ name: 'services', ...unavailable(missing), duration: '' });
    await part('vitest', () => runVitest(services.environment, args));
  } finally {
    await services.stop();
  }
  if (args.length > 0) return parts;
  // The profile without link-time optimisation: the same speed of guests, and minutes less of linking for each test binary.
  await part('cargo test -p hotswap-engine', () =>
    runCargoTest('--profile', 'fast', '-p', 'hotswap-engine', '--target-dir', cargoTargetFolder),
  );
  await part('cargo test of runtime-child', () =>
    runCargoTest('--release', '--manifest-path', engineManifest('child'), '--target-dir', engineTargetFolder),
  );
  await part('faults --sample', runFaults);
  return parts;
}

await runAsCommand('test', async () => {
  const parts = await runParts(process.argv.slice(2));
  const total = printParts(parts);
  writeSummary(total);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
});
