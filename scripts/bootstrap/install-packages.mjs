// `npm ci`, when what is installed is not what the lock says; then Node 24 itself.
import { performance } from 'node:perf_hooks';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { environmentOutsideClone, pinnedNode, root } from './paths.mjs';
import { SetupProblem, say, seconds } from './progress.mjs';
import { runCommand, tail } from './run-command.mjs';

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Why the installed packages differ from the lock, or undefined when they do not. */
function differenceFromLock(folder) {
  const installedPath = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) return 'nothing is installed yet';
  const installed = readJson(installedPath).packages;
  for (const [key, entry] of Object.entries(readJson(join(folder, 'package-lock.json')).packages)) {
    if (!key.includes('node_modules/')) continue;
    if (entry.link) {
      if (!existsSync(join(folder, key))) return `${key} is not linked`;
      continue;
    }
    const found = installed[key];
    if (found === undefined && entry.optional !== true) return `${key} is missing`;
    if (found !== undefined && found.version !== entry.version)
      return `${key} is ${found.version}, the lock says ${entry.version}`;
  }
  return undefined;
}

async function npm(args, folder) {
  const result = await runCommand('npm', args, { cwd: folder, env: environmentOutsideClone() });
  if (result.code === 0) return;
  throw new SetupProblem(
    `\`npm ${args.join(' ')}\` failed with exit code ${result.code}:\n${tail(result.stderr || result.stdout)}`,
  );
}

/** Installs the packages of `folder` (default: the clone) when they differ from its lock. Returns whether it did. */
export async function installPackages(folder = root) {
  const difference = differenceFromLock(folder);
  if (difference === undefined) return false;
  const sinceMs = performance.now();
  say('packages', `npm ci: ${difference} (this takes about half a minute) …`);
  await npm(['ci', '--no-audit', '--no-fund', '--loglevel=error'], folder);
  say('packages', `installed in ${seconds(sinceMs)}`);
  return true;
}

/** Checks that the pinned Node runs; npm may have been told to skip the install script that brings it. */
export async function checkPinnedNode() {
  const wanted = `v${readJson(join(root, 'package.json')).devDependencies.node}`;
  const version = async () => (await runCommand(pinnedNode, ['--version'])).stdout.trim();
  if ((await version()) === wanted) return wanted;
  say('node', `${wanted} is not in place, running the install script of the npm package "node" …`);
  await npm(['rebuild', 'node', '--foreground-scripts', '--loglevel=error'], root);
  const found = await version();
  if (found === wanted) return wanted;
  throw new SetupProblem(
    `node_modules/.bin/node is ${found || 'missing'}, but this project runs on ${wanted}. ` +
      'npm was probably told to ignore install scripts: run `npm rebuild node --ignore-scripts=false`.',
  );
}
