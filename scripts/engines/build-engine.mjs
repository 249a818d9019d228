// The program of an engine: in place, from the cache, or built by cargo, in this order.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { hashFiles } from '../bootstrap/hash-files.mjs';
import { cacheFolder, inRoot } from '../bootstrap/paths.mjs';
import { engineManifest, engineTargetFolder } from './engine-workspaces.mjs';
import { placeFile } from './place-file.mjs';
import { SetupProblem, say, seconds } from '../bootstrap/progress.mjs';
import { runCommand, tail } from '../bootstrap/run-command.mjs';

/** Packages with a program, and how long a cold build takes on 2 cores. */
const ENGINES = { wasmer: '6 minutes', wasmedge: '30 seconds' };

export const engineNames = Object.keys(ENGINES);

const PROGRESS_EVERY_MS = 15_000;

async function versionOf(tool) {
  const { code, stdout } = await runCommand(tool, ['-vV']);
  if (code === 0) return stdout;
  throw new SetupProblem(
    `no Rust compiler (\`${tool}\`) is in PATH, and the engine has no prebuilt program. Install Rust 1.95 or newer from ` +
      'https://rustup.rs, then run the command again.',
  );
}

function keyOf(name, compiler) {
  const native = (engine) => inRoot('packages', `runtime-${engine}`, 'native');
  const paths = [native('child'), native(name), inRoot('rust-toolchain.toml')];
  return hashFiles(paths, { skip: ['target', 'tests'], extra: [compiler] });
}

async function cargoBuild(name, program) {
  const sinceMs = performance.now();
  let current = 'starting';
  say('engines', `cargo build of ${program} (about ${ENGINES[name]} cold on 2 cores) …`);
  const ticker = setInterval(() => say('engines', `${seconds(sinceMs)}: now ${current}`), PROGRESS_EVERY_MS);
  const args = [
    'build',
    '--locked',
    '--release',
    '--manifest-path',
    engineManifest(name),
    '--target-dir',
    engineTargetFolder,
  ];
  const build = await runCommand('cargo', args, {
    onLine: (line) => {
      current = /^\s*Compiling\s+(.*)$/.exec(line)?.[1] ?? current;
    },
  });
  clearInterval(ticker);
  if (build.code !== 0) throw new SetupProblem(`cargo failed with exit code ${build.code}:\n${tail(build.stderr, 60)}`);
  say('engines', `built in ${seconds(sinceMs)}`);
  return join(engineTargetFolder, 'release', program);
}

/** Makes the program of an engine runnable in its package. Returns its path. */
export async function buildEngine(name) {
  if (!engineNames.includes(name))
    throw new SetupProblem(`there is no engine "${name}" to build; there are ${engineNames.join(', ')}.`);
  const program = `hotswap-runtime-${name}`;
  const key = keyOf(name, await versionOf('rustc'));
  const executable = inRoot('packages', `runtime-${name}`, 'bin', program);
  const stamp = `${executable}.key`;
  if (existsSync(executable) && existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return executable;
  const kept = join(cacheFolder, 'engines', key, program);
  if (!existsSync(kept)) {
    const built = await cargoBuild(name, program);
    mkdirSync(dirname(kept), { recursive: true });
    placeFile(built, kept);
  }
  mkdirSync(dirname(executable), { recursive: true });
  placeFile(kept, executable);
  writeFileSync(stamp, key);
  return executable;
}
