// Programs that tests run for real, from Debian's packages with the C library they were built against, in the cache: nothing
// is installed on the machine.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../bootstrap/paths.mjs';
import { SetupProblem, say } from '../bootstrap/progress.mjs';
import { unpackDebianPackages } from '../engines/debian-archive.mjs';

/** Release whose packages are taken where nothing else is said: what it carries stays the same for years. */
const SUITE = 'bookworm';

function findLoader(root) {
  // Newer releases have everything below usr.
  const folders = ['lib', 'usr/lib'].filter((top) => existsSync(join(root, top)));
  for (const [top, folder] of folders.flatMap((name) => readdirSync(join(root, name)).map((below) => [name, below]))) {
    const inFolder = join(root, top, folder);
    if (!statSync(inFolder).isDirectory()) continue;
    const loader = readdirSync(inFolder).find((name) => /^ld-linux-[\w-]+\.so\.\d$/.test(name));
    if (loader !== undefined) return { loader: join(inFolder, loader), folder };
  }
  throw new SetupProblem(`the packages below ${root} hold no loader`);
}

/**
 * The command line that starts a program of a package, to which its own arguments are added; fetched once per machine.
 * `path` is where the package puts it, e.g. `usr/sbin/haproxy`.
 * @throws SetupProblem on a machine without a Debian archive.
 */
export async function debianProgram({ name, path, suite = SUITE }) {
  const programs = join(cacheFolder, 'programs');
  const kept = join(programs, `${name}-${suite}-${process.arch}`);
  if (!existsSync(kept)) {
    say('services', `fetching ${name} from Debian ${suite} …`);
    mkdirSync(programs, { recursive: true });
    const folder = mkdtempSync(join(programs, 'fetch-'));
    try {
      const root = await unpackDebianPackages({ suite, packages: [name], folder });
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
  const { loader, folder } = findLoader(kept);
  const libraries = [join(kept, 'lib', folder), join(kept, 'usr', 'lib', folder)].join(':');
  return [loader, '--library-path', libraries, join(kept, path)];
}
