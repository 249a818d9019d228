import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildExampleModules } from '@hotswap/example-modules';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(async () => {
  await buildExampleModules();
});

describe('the build', () => {
  it('makes nothing when nothing changed', async () => {
    const made: string[] = [];
    await buildExampleModules({ report: ({ id }) => made.push(id) });
    expect(made).toEqual([]);
  });

  it('names the modules there are when it is asked for another', async () => {
    await expect(buildExampleModules({ only: ['nothing'] })).rejects.toThrow('no such module: nothing');
  });

  it('finds the committed Rust components built from the sources beside them', async () => {
    const rust = fileURLToPath(new URL('../rust/', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [join(rust, 'source-hash.mjs')]);
    expect(stdout).toBe(await readFile(join(rust, 'built-from.sha256'), 'utf8'));
  });
});
