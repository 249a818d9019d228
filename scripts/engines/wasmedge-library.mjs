// The WasmEdge library for tests and for trying it: from Debian, with the C library it was built against, in the cache.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../bootstrap/paths.mjs';
import { SetupProblem, Unavailable, say } from '../bootstrap/progress.mjs';
import { unpackDebianPackages } from './debian-archive.mjs';

/** Versions that the tests run on, by the Debian release that carries them. */
const SUITES = { '0.14.1': 'trixie', 0.17: 'forky' };

export const wasmEdgeVersions = Object.keys(SUITES);

function find(folder, pattern) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (pattern.test(entry.name) && !entry.isDirectory()) return path;
    const below = entry.isDirectory() ? find(path, pattern) : undefined;
    if (below !== undefined) return below;
  }
  return undefined;
}

/** Where things are below an unpacked root. */
function layout(root) {
  const library = find(root, /^libwasmedge\.so\.0$/);
  const loader = find(root, /^ld-linux-[\w-]+\.so\.\d$/);
  if (library === undefined || loader === undefined)
    throw new SetupProblem(`the packages below ${root} hold no libwasmedge.so.0, or no loader`);
  const folders = [join(library, '..'), join(loader, '..')];
  return { library, loader, libraryPath: [...new Set(folders)].join(':') };
}

async function fetched(suite, folder, version) {
  try {
    return await unpackDebianPackages({ suite, packages: ['libwasmedge0'], folder });
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error;
    throw new Unavailable(`WasmEdge ${version} cannot be fetched from Debian ${suite}: ${error.message}`);
  }
}

/**
 * The library of that version with its loader and search path; fetched once per machine.
 * @throws Unavailable where it cannot be fetched, SetupProblem where it is not what it should be.
 */
export async function wasmEdgeLibrary(version) {
  const suite = SUITES[version];
  if (suite === undefined)
    throw new SetupProblem(`WasmEdge ${version} is not known; ${wasmEdgeVersions.join(', ')} are`);
  const libraries = join(cacheFolder, 'wasmedge');
  const kept = join(libraries, `${version}-${process.arch}`);
  if (!existsSync(kept)) {
    say('engines', `fetching WasmEdge ${version} from Debian ${suite} (about 45 MB) …`);
    mkdirSync(libraries, { recursive: true });
    const folder = mkdtempSync(join(libraries, 'fetch-'));
    try {
      const root = await fetched(suite, folder, version);
      layout(root);
      // In one step, so that two test runs at once see all of it or nothing.
      try {
        renameSync(root, kept);
      } catch (error) {
        if (!existsSync(kept)) throw error;
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return layout(kept);
}
