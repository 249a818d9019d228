// The example modules that npm's toolchains can build: from the cache when these very sources were built before.
import { performance } from 'node:perf_hooks';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { hashFiles } from './hash-files.mjs';
import { cacheFolder, environmentOfClone, inRoot, root } from './paths.mjs';
import { SetupProblem, say, seconds } from './progress.mjs';
import { runCommand, tail } from './run-command.mjs';

const workspace = inRoot('examples', 'modules');
const output = join(workspace, 'dist');
const stamp = join(output, '.key');
const KEPT_BUILDS = 6;

/** The installed versions of the guest toolchains: another compiler makes other modules. */
function toolchainVersions() {
  const { devDependencies = {}, dependencies = {} } = JSON.parse(readFileSync(join(workspace, 'package.json'), 'utf8'));
  return Object.keys({ ...devDependencies, ...dependencies }).map((name) => {
    const own = join(workspace, 'node_modules', name, 'package.json');
    const path = existsSync(own) ? own : inRoot('node_modules', name, 'package.json');
    return existsSync(path) ? `${name}@${JSON.parse(readFileSync(path, 'utf8')).version}` : name;
  });
}

/** Replaces a folder in one step. */
function replaceFolder(from, to) {
  const temporary = `${to}.${process.pid}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  cpSync(from, temporary, { recursive: true });
  rmSync(to, { recursive: true, force: true });
  renameSync(temporary, to);
}

function dropOldBuilds(builds) {
  const byAge = readdirSync(builds)
    .map((name) => ({ path: join(builds, name), usedMs: statSync(join(builds, name)).mtimeMs }))
    .sort((a, b) => b.usedMs - a.usedMs);
  for (const { path } of byAge.slice(KEPT_BUILDS)) rmSync(path, { recursive: true, force: true });
}

/** Makes `examples/modules/dist` fit its sources. Returns where it came from. */
export async function buildModules() {
  if (!existsSync(join(workspace, 'build.mjs'))) return 'none';
  const key = hashFiles([workspace], { skip: ['node_modules', 'dist', 'target', 'test'], extra: toolchainVersions() });
  if (existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === key) return 'in place';
  const builds = join(cacheFolder, 'modules');
  const cached = join(builds, key);
  if (existsSync(cached)) {
    replaceFolder(cached, output);
    say('modules', 'taken from the cache: the same sources were built before');
    return 'from the cache';
  }
  const sinceMs = performance.now();
  say('modules', 'building the example modules …');
  const build = await runCommand('npm', ['run', '--silent', 'build', '-w', 'examples/modules'], {
    cwd: root,
    env: environmentOfClone(),
  });
  if (build.code !== 0)
    throw new SetupProblem(`the example modules do not build:\n${tail(build.stdout + build.stderr)}`);
  mkdirSync(output, { recursive: true });
  writeFileSync(stamp, `${key}\n`);
  mkdirSync(builds, { recursive: true });
  replaceFolder(output, cached);
  dropOldBuilds(builds);
  say('modules', `built in ${seconds(sinceMs)}`);
  return 'built';
}
