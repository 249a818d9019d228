import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cliError } from './error-codes.ts';
import { readFileOf } from './option-values.ts';

/** The line that says to which package a file belongs; nested packages have a brace in place of the semicolon. */
const packageLine = /^[ \t]*package\s+([a-z][\w-]*(?::[a-z][\w-]*)+(?:\/[\w-]+)*(?:@[\w.+-]+)?)\s*;/m;

/**
 * A file as it is, or a folder of WIT as one text: its files are one package, and those of `deps` are packages nested in it.
 * @throws HS_CLI_UNREADABLE_FILE, also for a folder without WIT or with two packages
 * @internal
 */
export async function readInterfaceOf(path: string): Promise<Buffer> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return readFileOf(path);
  const root = await packageIn(path);
  const nested = [];
  for (const dependency of await dependenciesOf(path))
    nested.push(`package ${dependency.name} {\n${dependency.text}\n}\n`);
  return Buffer.from(`package ${root.name};\n${root.text}\n${nested.join('\n')}`);
}

interface FolderPackage {
  readonly name: string;
  readonly text: string;
}

/** Tools put each package that is needed into `deps`: as a file, or as a folder of files. */
async function dependenciesOf(folder: string): Promise<readonly FolderPackage[]> {
  const deps = join(folder, 'deps');
  const entries = await readdir(deps, { withFileTypes: true }).catch(() => []);
  const found: FolderPackage[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
    if (entry.isDirectory()) found.push(await packageIn(join(deps, entry.name)));
    else if (entry.name.endsWith('.wit')) found.push(await packageOf(deps, [join(deps, entry.name)]));
  return found;
}

async function packageIn(folder: string): Promise<FolderPackage> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.wit')).toSorted();
  return packageOf(
    folder,
    names.map((name) => join(folder, name)),
  );
}

async function packageOf(folder: string, files: readonly string[]): Promise<FolderPackage> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const names = new Set(texts.flatMap((text) => packageLine.exec(text)?.[1] ?? []));
  const [name] = names;
  if (name === undefined || names.size > 1) {
    const why = name === undefined ? 'it holds no WIT with a package line' : `it holds ${[...names].join(' and ')}`;
    throw cliError('HS_CLI_UNREADABLE_FILE', { file: folder, why });
  }
  return { name, text: texts.map((text) => text.replace(packageLine, '')).join('\n') };
}
