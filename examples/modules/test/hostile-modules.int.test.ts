import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';
import { print } from '@bytecodealliance/jco';
import { buildExampleModules, compileBomb, hostileModules } from '@hotswap/example-modules';
import { beforeAll, describe, expect, it } from 'vitest';
import { v8Wasm } from './v8-wasm.ts';
import type { GuestFunction } from './v8-wasm.ts';

const WASM_MAGIC = Buffer.from([0x00, 0x61, 0x73, 0x6d]);

beforeAll(async () => {
  await buildExampleModules();
});

describe('every hostile module', () => {
  it.each(hostileModules)('$id is what it claims to be', async ({ path, kind, browserValid }) => {
    const bytes = readFileSync(path);
    expect(bytes.subarray(0, 4)).toEqual(WASM_MAGIC);
    if (kind === 'component') expect(await print(bytes)).toMatch(/^\(component/);
    else if (browserValid !== 'varies') expect(v8Wasm.validate(bytes)).toBe(browserValid);
  });

  it.each(hostileModules)('$id says in its first line what must happen to it', async ({ path }) => {
    const name = /hostile-(.*)\.wasm$/.exec(path)?.[1];
    const source = await readFile(new URL(`../hostile/${name}.wat`, import.meta.url), 'utf8');
    expect(source).toMatch(/^;; Must [^\n]+[.]\n/);
  });

  it.each(hostileModules.filter(({ expected }) => expected.outcome === 'error' && expected.traps !== undefined))(
    '$id fails in another engine too',
    async ({ path, phase, function: functionName, args }) => {
      const module = await v8Wasm.compile(readFileSync(path));
      const wasi = new WASI({ version: 'preview1', returnOnExit: true });
      const attack = async (): Promise<void> => {
        const instance = await v8Wasm.instantiate(module, wasi.getImportObject());
        if (phase === 'run') wasi.start(instance);
        else (instance.exports as Record<string, GuestFunction>)[functionName ?? '']?.(...(args ?? []));
      };
      await expect(attack()).rejects.toThrow();
    },
  );

  it('includes a compile bomb of any size', () => {
    const small = compileBomb({ functions: 3, operations: 2, branchTargets: 10 });
    const large = compileBomb({ functions: 2_000 });
    expect(v8Wasm.validate(small)).toBe(true);
    expect(v8Wasm.validate(large)).toBe(true);
    expect(large.length).toBeGreaterThan(100 * small.length);
  });
});
