import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { extname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { serverError } from '../error-codes.ts';
import { readPlugin, type ServerPlugin } from './server-plugin.ts';

/**
 * Imports plugins in the order given: a path (`./my-strategy`, a folder with a `package.json` or a file) from the working
 * directory, or the name of a package that is installed there or beside the server. Their code runs with all rights of
 * the server.
 * @throws HS_PLUGIN_NOT_FOUND, HS_PLUGIN_INVALID
 * @internal
 */
export async function loadPlugins(
  names: readonly string[],
  workingDirectory: string = process.cwd(),
): Promise<readonly ServerPlugin[]> {
  const plugins: ServerPlugin[] = [];
  for (const name of names) plugins.push(readPlugin(name, await importPlugin(name, workingDirectory)));
  return plugins;
}

async function importPlugin(name: string, workingDirectory: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(await locate(name, workingDirectory))) as Record<string, unknown>;
  } catch (error) {
    throw serverError('HS_PLUGIN_NOT_FOUND', { plugin: name, why: firstLine(error) }, error);
  }
}

const firstLine = (error: unknown): string => String((error as Error).message).split('\n')[0] ?? '';

async function locate(name: string, workingDirectory: string): Promise<string> {
  const isPath = name.startsWith('.') || isAbsolute(name);
  if (isPath) return pathToFileURL(await entryOf(resolve(workingDirectory, name))).href;
  const here = createRequire(join(workingDirectory, 'package.json'));
  try {
    return pathToFileURL(here.resolve(name)).href;
  } catch {
    return import.meta.resolve(name);
  }
}

/** The file that a folder's `package.json` points at; a file is its own entry. */
async function entryOf(path: string): Promise<string> {
  if (extname(path) !== '' && (await stat(path)).isFile()) return path;
  const manifest = join(path, 'package.json');
  const { name, exports: entries } = JSON.parse(await readFile(manifest, 'utf8')) as {
    readonly name?: string;
    readonly exports?: unknown;
  };
  // A package with `exports` can be asked for by its own name from within.
  return createRequire(manifest).resolve(name !== undefined && entries !== undefined ? name : path);
}
