// Starts one of the repository's programs on the pinned Node, on the packages' sources: `node scripts/run.mjs NAME [args]`.
// Written for Node 20, because npm may start it under the system's own.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { installPackages } from './bootstrap/install-packages.mjs';
import { environmentOfClone, inRoot, pinnedNode, root } from './bootstrap/paths.mjs';
import { SetupProblem, runAsCommand } from './bootstrap/progress.mjs';

/** Name -> entry file. A program that is a package of its own, outside the workspaces, names its folder. */
const PROGRAMS = {
  demo: { entry: 'examples/demo/src/main.ts' },
  start: { entry: 'packages/local-cluster/src/main.ts' },
  hotswap: { entry: 'packages/cli/src/main.ts' },
  bench: { entry: 'bench/src/main.ts', ownPackage: 'bench' },
  faults: { entry: 'scripts/faults/main.ts' },
  services: { entry: 'scripts/services.mjs' },
  test: { entry: 'scripts/test.mjs' },
  gates: { entry: 'scripts/gates.mjs' },
  docs: { entry: 'scripts/docs/main.ts' },
};

function runOnPinnedNode(entry, args) {
  return new Promise((resolve, reject) => {
    const nodeArgs = ['--conditions=@hotswap/source', '--disable-warning=ExperimentalWarning', inRoot(entry), ...args];
    const child = spawn(pinnedNode, nodeArgs, {
      stdio: 'inherit',
      env: environmentOfClone(),
      cwd: process.env.INIT_CWD ?? root,
    });
    // A terminal sends Ctrl-C to the child too; it decides when it is done, this process only waits.
    process.on('SIGINT', () => {});
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? { SIGINT: 130, SIGTERM: 143 }[signal] ?? 1));
  });
}

await runAsCommand('run', async () => {
  const [name, ...args] = process.argv.slice(2);
  const program = PROGRAMS[name];
  if (program === undefined)
    throw new SetupProblem(`there is no program "${name}"; known are ${Object.keys(PROGRAMS).join(', ')}.`);
  if (!existsSync(inRoot(program.entry))) throw new SetupProblem(`${program.entry} does not exist in this version.`);
  if (!existsSync(pinnedNode)) throw new SetupProblem('nothing is installed yet: run `npm run bootstrap` first.');
  if (program.ownPackage !== undefined) await installPackages(inRoot(program.ownPackage));
  return await runOnPinnedNode(program.entry, args);
});
