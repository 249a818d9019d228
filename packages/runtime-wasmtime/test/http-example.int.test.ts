import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { describe, expect, it } from 'vitest';

const example = fileURLToPath(new URL('http-example.ts', import.meta.url));

describe('the example of an HTTP server', () => {
  it('is the one in the README', async () => {
    expect(await readFile(new URL('../README.md', import.meta.url), 'utf8')).toContain(await readFile(example, 'utf8'));
  });

  it('serves a module, what no module serves, and those it knows', async () => {
    await buildExampleModules();
    const cache = await mkdtemp(join(tmpdir(), 'hotswap-example-'));
    const args = ['--conditions=@hotswap/source', example, exampleModule('http-hello', '1.0.0').path, 'a-key'];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, XDG_CACHE_HOME: cache },
    });
    // Whether records come before the program ends is open.
    const lines = stdout.split('\n').filter((line) => line !== '' && !line.endsWith('requests'));
    expect(lines).toEqual(['Hello from http-hello 1.0.0', 'echo', '401', '200', '{ cut: 0, finished: 0 }']);
    await rm(cache, { recursive: true });
  });
});
