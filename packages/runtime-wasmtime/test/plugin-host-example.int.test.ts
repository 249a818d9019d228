import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const example = fileURLToPath(new URL('plugin-host-example.ts', import.meta.url));
const plugin = fileURLToPath(new URL('../../../examples/modules/rust/plugin-rust-1.0.0.wasm', import.meta.url));

describe('the example of a plugin host', () => {
  it('is the one in the README', async () => {
    expect(await readFile(new URL('../README.md', import.meta.url), 'utf8')).toContain(await readFile(example, 'utf8'));
  });

  it('answers what the plugin asks', async () => {
    const cache = await mkdtemp(join(tmpdir(), 'hotswap-example-'));
    const args = ['--conditions=@hotswap/source', example, plugin];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, XDG_CACHE_HOME: cache },
    });
    // Whether the program hears of the last bucket before it ends is open.
    const lines = stdout.split('\n').filter((line) => !line.startsWith('a bucket of 1'));
    expect(lines.sort()).toEqual(
      [
        '',
        'plugin: looking up greeting',
        'Good morning',
        'plugin: looking up farewell',
        'no farewell here',
        '3',
        'a bucket of 3 was let go',
        'Uint8Array(4) [ 109, 105, 110, 101 ]',
      ].sort(),
    );
    await rm(cache, { recursive: true });
  });
});
