// Completes package-lock.json with the optional platform packages that the registry at hand does not carry.
//
// npm leaves such packages out of the lock it writes, and `npm ci` then refuses that very lock ("Missing: … from lock
// file"). This adds one entry for each: name, exact version, and the platform guessed from the name. npm skips entries of
// other platforms, and a registry that has them installs them as usual. Run after every `npm install` that changed the lock:
//   node scripts/complete-lockfile.mjs           writes the lock
//   node scripts/complete-lockfile.mjs --check   exits 1 when an entry is missing
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const OPERATING_SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const PROCESSORS = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64', 'wasm32'];

/** The platform fields that a platform package's name promises, for example `@x/y-linux-arm64-musl`. */
function platformOf(name) {
  const words = name
    .split(/[^a-z0-9]+/i)
    .map((word) => (word === 'windows' ? 'win32' : word === 'eabi' ? 'arm' : word));
  const os = OPERATING_SYSTEMS.find((known) => words.includes(known));
  const cpu = PROCESSORS.find((known) => words.includes(known));
  const libc =
    words.includes('musl') || words.includes('musleabihf')
      ? 'musl'
      : words.includes('gnu') || words.includes('gnueabihf')
        ? 'glibc'
        : undefined;
  return {
    // A name without a system or processor must still never be installed by accident: it is optional, and fails quietly.
    ...(cpu ? { cpu: [cpu] } : {}),
    ...(os ? { os: [os] } : {}),
    ...(libc ? { libc: [libc] } : {}),
  };
}

/** The lock key under which `from` would find `name`, or undefined when none of the node_modules folders above has it. */
function find(packages, from, name) {
  for (let folder = from; ;) {
    const key = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (packages[key] !== undefined) return key;
    if (folder === '') return undefined;
    const above = folder.lastIndexOf('/node_modules/');
    folder = above >= 0 ? folder.slice(0, above) : '';
  }
}

/** Adds the missing entries to a parsed lock and returns them as `name@version`. */
export function completeLock(lock) {
  const added = [];
  for (const [key, entry] of Object.entries(lock.packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      const version = range.replace(/^[~^]/, '');
      if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) continue;
      const found = find(lock.packages, key, name);
      if (found !== undefined && (lock.packages[found].version === version || !/^\d/.test(range))) continue;
      const place = found === undefined ? `node_modules/${name}` : `${key}/node_modules/${name}`;
      lock.packages[place] = { version, ...(entry.dev ? { dev: true } : {}), optional: true, ...platformOf(name) };
      added.push(`${name}@${version}`);
    }
  }
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
  return added;
}

function main() {
  const path = new URL('../package-lock.json', import.meta.url);
  const lock = JSON.parse(readFileSync(path, 'utf8'));
  const added = completeLock(lock);
  if (process.argv.includes('--check')) {
    for (const name of added) console.error(`missing from package-lock.json: ${name}`);
    if (added.length > 0) console.error('run: npm run lock:complete');
    process.exitCode = added.length > 0 ? 1 : 0;
    return;
  }
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: ${added.length} optional platform packages added`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
