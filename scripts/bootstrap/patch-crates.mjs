// Crates that are built with a patch of ours: the registry's own sources with `native/patches/NAME-VERSION.patch` applied,
// put where `[patch.crates-io]` of Cargo.toml looks for them. cargo cannot patch by itself, and other people's sources are
// not committed. docs/decisions/0013-one-patched-crate.md says why there are any.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hashFiles } from './hash-files.mjs';
import { cacheFolder, inRoot } from './paths.mjs';
import { SetupProblem, say } from './progress.mjs';
import { runCommand, tail } from './run-command.mjs';

const native = inRoot('packages', 'runtime-wasmtime', 'native');
const patched = join(native, 'patched');
/** Of the hash of all files of a patched crate; the folder is named by them, so that nothing else can be in it. */
const HASH_CHARACTERS = 16;
/** What cargo puts beside the sources that it unpacks. */
const CARGO_MARKS = ['.cargo-ok'];
/** The patch, put among the files that it was applied to: so the hash is of it too, and a changed one is noticed. */
const APPLIED = 'applied.patch';

/** In one step; another clone or another command of this one may have been quicker, with the same files. */
function place(temporary, folder) {
  try {
    renameSync(temporary, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

/** What `[patch.crates-io]` asks for: `path = "…/patched/NAME-VERSION-HASH"`. */
function patchedCrates() {
  const manifest = readFileSync(inRoot('Cargo.toml'), 'utf8');
  const entries = manifest.matchAll(
    /^[\w-]+ = \{ path = "([^"]*\/patched\/([\w-]+)-(\d+\.\d+\.\d+)-([0-9a-f]+))" \}$/gm,
  );
  return [...entries].map(([, path, name, version, hash]) => ({ folder: inRoot(path), name, version, hash }));
}

/** The sources as the registry has them, checked by cargo against the registry's index. */
async function registrySources({ name, version }) {
  // Inside of the clone, where what a person has configured for cargo holds.
  mkdirSync(patched, { recursive: true });
  const project = mkdtempSync(join(patched, '.sources-'));
  try {
    const manifest = [
      '[package]\nname = "asks-for-sources"\nversion = "0.0.0"\nedition = "2024"\n[lib]\npath = "lib.rs"',
      `[workspace]\n[dependencies]\n${name} = { version = "=${version}", default-features = false }\n`,
    ];
    writeFileSync(join(project, 'Cargo.toml'), manifest.join('\n'));
    writeFileSync(join(project, 'lib.rs'), '');
    const host = /^host: (.*)$/m.exec((await runCommand('rustc', ['-vV'])).stdout)?.[1] ?? '';
    const args = ['metadata', '--format-version', '1', '--filter-platform', host];
    const metadata = await runCommand('cargo', args, { cwd: project });
    if (metadata.code !== 0)
      throw new SetupProblem(
        `cargo cannot fetch ${name} ${version} (exit code ${metadata.code}):\n${tail(metadata.stderr)}`,
      );
    const crate = JSON.parse(metadata.stdout).packages.find(
      (entry) => entry.name === name && entry.version === version,
    );
    return dirname(crate.manifest_path);
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

/** Applies the patch inside `folder` and gives the files that it changed, and a copy of it, the times of the others. */
async function applyPatch(patch, folder) {
  // Not a part of any clone, whatever folder the cache is in: git would leave out what the clone ignores.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(folder) };
  const args = ['-c', 'core.autocrlf=false', 'apply', '--whitespace=nowarn', patch];
  const applied = await runCommand('git', args, { cwd: folder, env });
  if (applied.code === 127)
    throw new SetupProblem('`git` is not in PATH. It applies the patches that crates are built with.');
  if (applied.code !== 0)
    throw new SetupProblem(`${patch} does not apply (exit code ${applied.code}):\n${tail(applied.stderr)}`);
  copyFileSync(patch, join(folder, APPLIED));
  // cargo takes times for a sign of change. What is in the folder is in its name already.
  const { atime, mtime } = statSync(join(folder, 'Cargo.toml'));
  const changed = [...readFileSync(patch, 'utf8').matchAll(/^\+\+\+ b\/(.*)$/gm)].map(([, file]) => file);
  for (const file of [...changed, APPLIED]) utimesSync(join(folder, file), atime, mtime);
}

const patchOf = ({ name, version }) => join(native, 'patches', `${name}-${version}.patch`);

/** Whether the folder was made with the patch as it is now. */
function isMade(crate, folder) {
  const applied = join(folder, APPLIED);
  return existsSync(applied) && readFileSync(applied).equals(readFileSync(patchOf(crate)));
}

/** Makes the patched sources in the cache. Returns their folder. */
async function makePatched(crate) {
  const { name, version, hash } = crate;
  const folder = join(cacheFolder, 'crates', `${name}-${version}-${hash}`);
  if (isMade(crate, folder)) return folder;
  const patch = patchOf(crate);
  mkdirSync(dirname(folder), { recursive: true });
  const temporary = mkdtempSync(`${folder}.`);
  try {
    cpSync(await registrySources(crate), temporary, {
      recursive: true,
      preserveTimestamps: true,
      filter: (path) => !CARGO_MARKS.some((mark) => path.endsWith(mark)),
    });
    await applyPatch(patch, temporary);
    const made = hashFiles([temporary], { base: temporary }).slice(0, HASH_CHARACTERS);
    if (made !== hash)
      throw new SetupProblem(
        `${name} ${version} with its patch has the hash ${made}, and Cargo.toml asks for ${hash}. If the patch was ` +
          `changed, write ${name}-${version}-${made} there; if not, the sources are not those that were looked at.`,
      );
    place(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return folder;
}

/** Puts every patched crate in its place. Does nothing for those that are there. */
export async function patchCrates() {
  const missing = patchedCrates().filter((crate) => !isMade(crate, crate.folder));
  for (const crate of missing) {
    const source = await makePatched(crate);
    mkdirSync(dirname(crate.folder), { recursive: true });
    const temporary = mkdtempSync(`${crate.folder}.`);
    try {
      cpSync(source, temporary, { recursive: true, preserveTimestamps: true });
      place(temporary, crate.folder);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
    say('crates', `${crate.name} ${crate.version} with native/patches/${crate.name}-${crate.version}.patch`);
  }
}
