// `node scripts/archive.mjs agent|server|cli [--out FOLDER] [--folder] [--level 9]`: a self-contained archive for this platform: Node, the
// native addon, the program and the packages that it needs, to be unpacked anywhere: .tar.gz, on Windows .zip. With --folder
// it is left as a folder.
// The program's sources are those of the clone, their types taken away by Node itself: nothing has to be built before.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { inRoot, pinnedNode, root } from './bootstrap/paths.mjs';
import { SetupProblem, runAsCommand, say } from './bootstrap/progress.mjs';

/** Program -> package and the name of its command. */
const PROGRAMS = {
  agent: { package: '@hotswap/edge-agent', command: 'wasm-edge-agent' },
  server: { package: '@hotswap/server', command: 'hotswap-server' },
  cli: { package: '@hotswap/cli', command: 'hotswap' },
};

const isWindows = process.platform === 'win32';
const ADDON = 'hotswap-runtime-wasmtime.node';
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Paths in the lock of everything that the package at `start` needs to run, itself included. */
function closureOf(lock, start) {
  const found = new Set();
  const visit = (path) => {
    if (found.has(path)) return;
    found.add(path);
    const { dependencies = {}, optionalDependencies = {} } = path.includes('node_modules')
      ? lock[path]
      : readJson(inRoot(path, 'package.json'));
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const at = locate(lock, path, name);
      if (at !== undefined && existsSync(inRoot(at))) visit(at);
      else if (dependencies[name] !== undefined)
        throw new SetupProblem(`${name}, which ${path} needs, is not installed.`);
    }
  };
  visit(start);
  return found;
}

/** Where Node finds `name` from a package of the lock: the next node_modules upwards; links lead to workspaces. */
function locate(lock, from, name) {
  for (let folder = from; ; folder = dirname(folder)) {
    const at = folder === '.' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (lock[at] !== undefined) return lock[at].link ? lock[at].resolved : at;
    if (folder === '.') return undefined;
  }
}

/** Relative imports name TypeScript files; what is written are JavaScript ones. */
const importsOfScripts = (code) =>
  code.replaceAll(/((?:from|import|import\()\s*['"]\.{1,2}\/[^'"]+)\.ts(['"])/g, '$1.js$2');

/** What only editors and debuggers read of a package. */
const isForTools = (file) => /\.(?:map|d\.[cm]?ts)$/.test(file);

function writeStripped(from, to) {
  for (const entry of readdirSync(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const target = join(to, path.slice(from.length + 1));
    mkdirSync(dirname(target), { recursive: true });
    if (!entry.name.endsWith('.ts')) cpSync(path, target);
    else if (!entry.name.endsWith('.d.ts'))
      writeFileSync(target.replace(/\.ts$/, '.js'), importsOfScripts(stripTypeScriptTypes(readFileSync(path, 'utf8'))));
  }
}

/** A workspace as npm would install it: scripts in `dist`, what it ships beside them, the addon where it belongs. */
function placeWorkspace(path, target) {
  const manifest = readJson(inRoot(path, 'package.json'));
  writeStripped(inRoot(path, 'src'), join(target, 'dist'));
  for (const name of manifest.files ?? [])
    if (!['dist', 'src'].includes(name) && existsSync(inRoot(path, name)))
      cpSync(inRoot(path, name), join(target, name), { recursive: true });
  writeFileSync(join(target, 'package.json'), JSON.stringify(manifest, null, 2));
  const addon = inRoot(path, ADDON);
  if (existsSync(addon)) cpSync(addon, join(target, ADDON));
}

/** Finds itself by the shell's own means, so that it starts without PATH; through a link it needs readlink. */
const launcher = (name) => `#!/bin/sh
self=$0
if [ -L "$self" ]; then self=$(readlink -f "$self"); fi
case $self in */*) bin=\${self%/*} ;; *) bin=. ;; esac
exec "$bin/node" "$bin/../app/node_modules/${name}/dist/main.js" "$@"
`;

const windowsLauncher = (name) =>
  `@"%~dp0node.exe" "%~dp0..\\app\\node_modules\\${name.replace('/', '\\')}\\dist\\main.js" %*\r\n`;

/** Node itself, where npm has put it: what is in `.bin` is a script on Windows. */
const nodeProgram = isWindows ? inRoot('node_modules', 'node', 'bin', 'node.exe') : pinnedNode;

function placePrograms(bin, { package: name, command }) {
  mkdirSync(bin);
  const node = isWindows ? 'node.exe' : 'node';
  copyFileSync(realpathSync(nodeProgram), join(bin, node));
  const script = isWindows ? `${command}.cmd` : command;
  writeFileSync(join(bin, script), isWindows ? windowsLauncher(name) : launcher(name));
  for (const file of [node, script]) chmodSync(join(bin, file), 0o755);
}

function fill(folder, program) {
  const { package: name } = program;
  const { packages: lock } = readJson(inRoot('package-lock.json'));
  const app = join(folder, 'app');
  const start = lock[`node_modules/${name}`].resolved;
  const nameOf = (path) => readJson(inRoot(path, 'package.json')).name;
  for (const path of closureOf(lock, start)) {
    const [, workspace, below = ''] = /^((?:packages|examples)\/.+?)(\/node_modules\/.+)?$/.exec(path) ?? [];
    const target =
      workspace === undefined ? join(app, path) : join(app, 'node_modules', `${nameOf(workspace)}${below}`);
    mkdirSync(target, { recursive: true });
    if (workspace !== undefined && below === '') placeWorkspace(path, target);
    else
      cpSync(inRoot(path), target, {
        recursive: true,
        filter: (file) => file === inRoot(path) || (basename(file) !== 'node_modules' && !isForTools(file)),
      });
  }
  placePrograms(join(folder, 'bin'), program);
  cpSync(inRoot('LICENSE'), join(folder, 'LICENSE'));
}

/** One file of a folder. What packs differs between platforms; what compresses is Node. */
async function pack(folder, level) {
  const [parent, name] = [dirname(folder), basename(folder)];
  if (isWindows) {
    const zip = `${folder}.zip`;
    execFileSync('tar', ['-a', '-cf', zip, '-C', parent, name]);
    return zip;
  }
  const tar = `${folder}.tar`;
  execFileSync('tar', ['-cf', tar, '-C', parent, name]);
  await pipeline(createReadStream(tar), createGzip({ level }), createWriteStream(`${tar}.gz`));
  rmSync(tar);
  return `${tar}.gz`;
}

await runAsCommand('archive', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string', default: join(root, 'archives') },
      folder: { type: 'boolean', default: false },
      level: { type: 'string', default: '9' },
    },
  });
  const program = PROGRAMS[positionals[0] ?? ''];
  if (program === undefined) throw new SetupProblem(`name one of ${Object.keys(PROGRAMS).join(', ')}.`);
  if (!existsSync(inRoot('packages', 'runtime-wasmtime', ADDON)))
    throw new SetupProblem('the native addon is not built: run `npm run bootstrap` first.');
  const { version } = readJson(inRoot('packages', 'edge-agent', 'package.json'));
  const name = `${program.command}-${version}-${process.platform}-${process.arch}`;
  const folder = resolve(values.out, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  fill(folder, program);
  if (values.folder) return console.log(folder);
  say('archive', `packing ${name} …`);
  const file = await pack(folder, Number(values.level));
  rmSync(folder, { recursive: true });
  return console.log(file);
});
