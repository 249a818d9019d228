import { readFile } from 'node:fs/promises';
import { delimiter } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mismatches, readSuite, runWasiCase, type WasiCase } from './wasi-case.ts';

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const file = pathOf('./wasi/programs.wasm');
const own = (JSON.parse(await readFile(pathOf('./wasi/programs.json'), 'utf8')) as Omit<WasiCase, 'file'>[]).map(
  (one): WasiCase => ({ ...one, file }),
);

/** Directories with the built tests of the public suite, e.g. by `HOTSWAP_WASI_TESTSUITE=/tmp/c:/tmp/rust`. */
const suites = (process.env['HOTSWAP_WASI_TESTSUITE'] ?? '').split(delimiter).filter((directory) => directory !== '');
const others = (await Promise.all(suites.map(readSuite))).flat();

describe('hotswap run, like the wasmtime command', () => {
  it.each([...own, ...others].map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    expect(mismatches(one, await runWasiCase(one))).toEqual([]);
  });

  it('streams: output comes while the program still reads its input', async () => {
    const main = pathOf('../src/main.ts');
    const child = spawn(process.execPath, ['--conditions=@hotswap/source', main, 'run', file, 'cat'], {
      stdio: 'pipe',
    });
    for (const line of ['one\n', 'two\n', 'three\n']) {
      child.stdin.write(line);
      expect(String((await once(child.stdout, 'data'))[0])).toBe(line);
    }
    child.stdin.end();
    expect((await once(child, 'close'))[0]).toBe(0);
  });
});
