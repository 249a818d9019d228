import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { describe, expect, it } from 'vitest';

const example = fileURLToPath(new URL('embedding-example.ts', import.meta.url));

describe('the embedding example', () => {
  it('is the one in the README', async () => {
    expect(await readFile(new URL('../README.md', import.meta.url), 'utf8')).toContain(await readFile(example, 'utf8'));
  });

  it('swaps under load without a failed call', async () => {
    await buildExampleModules();
    const paths = ['1.0.0', '1.1.0'].map((version) => exampleModule('greeter', version).path);
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@hotswap/source', example, ...paths]);
    expect(stdout).toBe('v1 500 Hello, Ada!\nv2 500 Good to see you, Ada!\n');
  });
});
