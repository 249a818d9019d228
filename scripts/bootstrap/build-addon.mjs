// The native addon: a platform package, a cached build of these very sources, or a build by cargo, in this order.
import { performance } from 'node:perf_hooks';
import {
  copyFileSync,
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
import { cacheFolder, cargoTargetFolder, inRoot, root } from './paths.mjs';
import { patchCrates } from './patch-crates.mjs';
import { SetupProblem, say, seconds } from './progress.mjs';
import { runCommand, tail } from './run-command.mjs';

const CRATE = 'hotswap-runtime-wasmtime';
const addon = inRoot('packages', 'runtime-wasmtime', `${CRATE}.node`);
/** Beside the addon: the key of the sources it was built from, and its size, which tells when somebody put another there. */
const stamp = `${addon}.key`;
/** Old builds kept in the cache: enough to switch between a few branches. */
const KEPT_BUILDS = 6;
const PROGRESS_EVERY_MS = 15_000;

/** The platform packages that napi-rs would load here. */
function platformPackages() {
  const { platform, arch } = process;
  const abis = { linux: ['gnu', 'musl'], win32: ['msvc'] }[platform] ?? [];
  const names = abis.length === 0 ? [`${platform}-${arch}`] : abis.map((abi) => `${platform}-${arch}-${abi}`);
  return names.map((name) => `@hotswap/runtime-wasmtime-${name}`);
}

async function compilerVersion() {
  const rustc = await runCommand('rustc', ['-vV']);
  if (rustc.code === 0) return rustc.stdout;
  throw new SetupProblem(
    'no Rust compiler (`rustc`) is in PATH. The Wasmtime binding has no prebuilt package for ' +
      `${process.platform}-${process.arch} and is built from source once, which takes about 6 minutes on 2 cores. ` +
      'Install Rust 1.95 or newer from https://rustup.rs, then run the command again.',
  );
}

async function checkLinker() {
  if (process.platform === 'win32' || (await runCommand('cc', ['--version'])).code === 0) return;
  throw new SetupProblem(
    'no C compiler (`cc`) is in PATH. Rust needs it to link the addon: `apt-get install gcc libc6-dev` on Debian and ' +
      'Ubuntu, `xcode-select --install` on macOS.',
  );
}

function sourcesKey(compiler, profile) {
  return hashFiles(
    [
      inRoot('Cargo.toml'),
      inRoot('Cargo.lock'),
      inRoot('rust-toolchain.toml'),
      inRoot('packages', 'runtime-wasmtime', 'native'),
    ],
    { skip: ['target', 'tests', 'benches', 'examples', 'fuzz', 'patched'], extra: [compiler, profile] },
  );
}

/** Puts a file in place in one step: a process that has the old one mapped keeps it. */
function place(from, to) {
  const temporary = `${to}.${process.pid}.tmp`;
  copyFileSync(from, temporary);
  renameSync(temporary, to);
}

function install(from, key) {
  place(from, addon);
  writeFileSync(stamp, stampOf(key));
}

const stampOf = (key) => `${key} ${statSync(addon).size}\n`;

async function cargoBuild(profile) {
  if ((await runCommand('cargo', ['--version'])).code !== 0) {
    throw new SetupProblem('`cargo` is not in PATH although `rustc` is. Install both together from https://rustup.rs.');
  }
  await checkLinker();
  const sinceMs = performance.now();
  const crates = (readFileSync(inRoot('Cargo.lock'), 'utf8').match(/^\[\[package\]\]/gm) ?? []).length;
  let compiled = 0;
  let current = 'starting';
  say(
    'addon',
    `cargo build --${profile === 'release' ? 'release' : `profile ${profile}`} (about 6 minutes cold on 2 cores, at most ${crates} crates) …`,
  );
  const ticker = setInterval(
    () => say('addon', `${seconds(sinceMs)}: ${compiled} crates compiled, now ${current}`),
    PROGRESS_EVERY_MS,
  );
  const args = [
    'build',
    '--locked',
    '--profile',
    profile,
    '-p',
    CRATE,
    '--manifest-path',
    inRoot('Cargo.toml'),
    '--target-dir',
    cargoTargetFolder,
  ];
  const build = await runCommand('cargo', args, {
    cwd: root,
    onLine: (line) => {
      const [, verb, what] = /^\s*(Compiling|Downloaded|Blocking)\s+(.*)$/.exec(line) ?? [];
      if (verb === 'Compiling') compiled += 1;
      if (verb !== undefined) current = verb === 'Blocking' ? 'waiting for another cargo' : what;
    },
  });
  clearInterval(ticker);
  if (build.code !== 0) throw new SetupProblem(`cargo failed with exit code ${build.code}:\n${tail(build.stderr, 60)}`);
  say('addon', `built in ${seconds(sinceMs)} (${compiled} crates compiled)`);
  const crate = CRATE.replaceAll('-', '_');
  const library = { win32: `${crate}.dll`, darwin: `lib${crate}.dylib` }[process.platform] ?? `lib${crate}.so`;
  return join(cargoTargetFolder, profile === 'dev' ? 'debug' : profile, library);
}

function dropOldBuilds(builds) {
  const byAge = readdirSync(builds)
    .map((name) => ({ path: join(builds, name), usedMs: statSync(join(builds, name)).mtimeMs }))
    .sort((a, b) => b.usedMs - a.usedMs);
  for (const { path } of byAge.slice(KEPT_BUILDS)) rmSync(path, { recursive: true, force: true });
}

/** Makes the addon loadable. Returns where it came from. */
export async function buildAddon() {
  const prebuilt = platformPackages().find((name) => existsSync(inRoot('node_modules', name, 'package.json')));
  if (prebuilt !== undefined) return `prebuilt ${prebuilt}`;
  const profile = process.env.HOTSWAP_CARGO_PROFILE ?? 'release';
  const key = sourcesKey(await compilerVersion(), profile);
  // Not only for this build: every cargo command of the clone wants them, tests and clippy among them.
  await patchCrates();
  if (existsSync(addon) && existsSync(stamp) && readFileSync(stamp, 'utf8') === stampOf(key)) return 'in place';
  const builds = join(cacheFolder, 'addons');
  const cached = join(builds, `${key}.node`);
  if (existsSync(cached)) {
    install(cached, key);
    say('addon', 'taken from the cache: the same sources were built before');
    return 'from the cache';
  }
  const built = await cargoBuild(profile);
  // The sources may have been edited while cargo ran: only a build of what was hashed goes into the cache.
  const after = sourcesKey(await compilerVersion(), profile);
  mkdirSync(builds, { recursive: true });
  if (after === key) place(built, cached);
  install(built, key);
  dropOldBuilds(builds);
  return 'built';
}
