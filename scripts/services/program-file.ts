import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const programs = fileURLToPath(new URL('../programs.mjs', import.meta.url));

/** A program of `programs.mjs` as one file: it is fetched with the loader and libraries that it was built against. */
export async function programFile(folder: string, name: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [programs, name]);
  const command = (JSON.parse(stdout) as string[]).map((part) => `'${part}'`).join(' ');
  const file = join(folder, name);
  await writeFile(file, `#!/bin/sh\nexec ${command} "$@"\n`);
  await chmod(file, 0o755);
  return file;
}
