import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
    const cache = await mkdtemp(join(tmpdir(), 'hotswap-example-'));
    const args = ['--conditions=@hotswap/source', example, ...paths];
    const env = { ...process.env, XDG_CACHE_HOME: cache };
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    expect(stdout).toBe('v1 500\nv2 500\n');
    expect(await readdir(join(cache, 'hotswap', 'wasmtime', 'code'))).not.toHaveLength(0);
    await rm(cache, { recursive: true });
  });
});
