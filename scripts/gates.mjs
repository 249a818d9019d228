// `npm run gates`: everything but tests that a change must pass, each counted as one. Names narrow the run:
// `npm run gates -- lint types`.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { engineTargetFolder, engineWorkspaces } from './engines/engine-workspaces.mjs';
import { cargoTargetFolder, environmentOfClone, inRoot, root } from './bootstrap/paths.mjs';
import { SetupProblem, runAsCommand, say, seconds } from './bootstrap/progress.mjs';
import { runCommand, tail } from './bootstrap/run-command.mjs';
import { publicPackages, workspaceFolders } from './gates/workspaces.mjs';
import { printParts, writeSummary } from './test/print-parts.mjs';

const FAILURE_LINES = 60;
/** Gates side by side: most are one thread each, and some take as much memory as fits a few of them only. */
const lanes = Math.min(availableParallelism(), 4);
const script = (name, ...args) => ['node', inRoot('scripts', name), ...args];
const cargo = (...args) => ['cargo', ...args];

/** For each published package, a command; the gate passes when all do. */
const forEachPackage = (command) => () => publicPackages().map((entry) => command(entry));

/**
 * For each folder with a tsconfig. One program over all of them would be quicker and wrong: a package whose dependency
 * brings the DOM's types would change what the others see.
 */
const forEachProject = (command) => () =>
  ['.', ...workspaceFolders().filter((folder) => existsSync(inRoot(folder, 'tsconfig.json')))].map(command);

/** Folders that one process of ESLint looks at: each of them loads the types of all that it imports. */
const LINTED_TOGETHER = 10;

/** Several processes, one after the other: the types of every project at once do not fit into the heap of one. */
function lintCommands() {
  const folders = workspaceFolders();
  const groups = Array.from({ length: Math.ceil(folders.length / LINTED_TOGETHER) }, (_, at) =>
    folders.slice(at * LINTED_TOGETHER, (at + 1) * LINTED_TOGETHER),
  );
  const rest = ['.', ...folders.flatMap((folder) => ['--ignore-pattern', `${folder}/**`])];
  return [...groups, rest].map((of) => ['eslint', '--max-warnings=0', '--no-error-on-unmatched-pattern', ...of]);
}

/** In this order: what is quick and most often wrong comes first. A gate is one command or several. */
const GATES = [
  { name: 'format', commands: () => [['prettier', '--check', '--log-level=warn', '.']] },
  { name: 'lint', commands: lintCommands },
  { name: 'types', commands: forEachProject((folder) => ['tsc', '-p', folder, '--noEmit']) },
  {
    name: 'boundaries',
    commands: () => [['depcruise', 'packages', 'examples', 'scripts', '--config', '.dependency-cruiser.cjs']],
  },
  { name: 'dead code', commands: () => [['knip', '--no-config-hints']] },
  { name: 'lock file', commands: () => [script('complete-lockfile.mjs', '--check')] },
  { name: 'doc links', commands: () => [script('check-doc-links.mjs')] },
  {
    name: 'rust format',
    tool: 'cargo',
    commands: () => [
      cargo('fmt', '--check'),
      ...[...engineWorkspaces(), inRoot('bench', 'native', 'Cargo.toml')].map((manifest) =>
        cargo('fmt', '--all', '--check', '--manifest-path', manifest),
      ),
    ],
  },
  {
    name: 'clippy',
    tool: 'cargo',
    commands: () => [
      // Without dependencies: a patched crate is one by its path, and upstream's own to lint.
      cargo(
        ...['clippy', '--locked', '--all-targets', '--no-deps', '--target-dir', cargoTargetFolder],
        ...['--', '-D', 'warnings'],
      ),
      ...engineWorkspaces().map((manifest) =>
        // In release, as the engines are built: what they depend on is compiled once.
        cargo(
          ...['clippy', '--release', '--locked', '--all-targets', '--manifest-path', manifest],
          ...['--target-dir', engineTargetFolder, '--', '-D', 'warnings'],
        ),
      ),
    ],
  },
  { name: 'build', commands: () => [['turbo', 'run', 'build', '--output-logs=errors-only']] },
  { name: 'publint', needs: 'build', commands: forEachPackage(({ folder }) => ['publint', '--strict', folder]) },
  {
    name: 'attw',
    needs: 'build',
    commands: forEachPackage(({ folder }) => ['attw', '--pack', folder, '--profile', 'esm-only', '--no-emoji']),
  },
  { name: 'api reports', needs: 'build', commands: () => [script('check-api-reports.mjs')] },
  // Its packages are its own: the first command installs them.
  {
    name: 'bench',
    commands: () => [script('run.mjs', 'bench', '--list'), ['tsc', '-p', 'bench/tsconfig.json', '--noEmit']],
  },
  // Its time matters: it rolls back in less than a second.
  { name: 'demo', alone: true, commands: () => [script('run.mjs', 'demo', '--json')] },
];

async function isMissing(tool) {
  return tool !== undefined && (await runCommand(tool, ['--version'])).code !== 0;
}

async function runGate({ tool, commands }) {
  if (await isMissing(tool)) {
    const inCi = process.env.CI === 'true';
    return { passed: 0, failed: inCi ? 1 : 0, skipped: inCi ? 0 : 1, note: `${tool} is not in PATH` };
  }
  const env = environmentOfClone({ TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', FORCE_COLOR: '0' });
  for (const [program, ...args] of commands()) {
    const result = await runCommand(program, args, { cwd: root, env });
    if (result.code === 0) continue;
    console.log(tail(`${result.stdout}\n${result.stderr}`, FAILURE_LINES));
    return {
      passed: 0,
      failed: 1,
      skipped: 0,
      note: `${[program.split('/').at(-1), ...args].join(' ').replaceAll(root, '')} (exit code ${result.code})`,
    };
  }
  return { passed: 1, failed: 0, skipped: 0 };
}

/**
 * Runs the gates, as many at once as there are lanes, and gives their parts in the same order. They start in their order,
 * but for those that wait: for the gate that they need, or until nothing else runs.
 */
async function runGates(gates) {
  const parts = new Map();
  const needed = (gate) => gates.find(({ name }) => name === gate.needs);
  const running = new Map();
  const start = (gate) => {
    const sinceMs = performance.now();
    say('gates', `${gate.name} …`);
    const blocked = (parts.get(needed(gate))?.failed ?? 0) > 0;
    const counting = blocked ? { passed: 0, failed: 1, skipped: 0, note: `needs "${gate.needs}"` } : runGate(gate);
    const ending = Promise.resolve(counting).then((counts) => {
      parts.set(gate, { name: gate.name, ...counts, duration: seconds(sinceMs) });
      running.delete(gate);
    });
    running.set(gate, ending);
  };
  const mayStart = (gate) =>
    running.size < (gate.alone ? 1 : lanes) &&
    ![...running.keys()].some(({ alone }) => alone) &&
    (needed(gate) === undefined || parts.has(needed(gate)));
  const waiting = [...gates];
  while (waiting.length > 0 || running.size > 0) {
    const at = waiting.findIndex(mayStart);
    if (at !== -1) start(...waiting.splice(at, 1));
    else await Promise.race(running.values());
  }
  return gates.map((gate) => parts.get(gate));
}

await runAsCommand('gates', async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !GATES.some((gate) => gate.name === name));
  if (unknown.length > 0)
    throw new SetupProblem(`there is no gate "${unknown[0]}"; there are ${GATES.map((gate) => gate.name).join(', ')}.`);
  const total = printParts(await runGates(GATES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))));
  writeSummary(total);
  return total.failed > 0 ? 1 : 0;
});
