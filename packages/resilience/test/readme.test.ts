import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readModuleSettings } from '@hotswap/resilience';
import { V8RuntimeHost } from '@hotswap/testing';
import { openDoubler } from './readme-example.ts';
import { openAsSet } from './settings-example.ts';

/** `(func (export "double") (param i32) (result i32) local.get 0 i32.const 1 i32.shl)` */
const doubler = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7, 10, 1, 6, 100, 111, 117, 98, 108, 101, 0, 0,
  10, 9, 1, 7, 0, 32, 0, 65, 1, 116, 11,
]);

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

it('the README shows a guard that works', async () => {
  expect(read('../README.md')).toContain(read('./readme-example.ts'));
  await using runtime = new V8RuntimeHost();
  await using guarded = openDoubler(runtime, doubler, {});
  expect(await guarded.invoke('double', [21])).toMatchObject({ value: 42, origin: 'module' });
  await using broken = openDoubler(runtime, doubler.slice(0, 20), {});
  expect(await broken.invoke('double', [21])).toMatchObject({ value: 42, origin: 'fallback' });
  await using off = openDoubler(runtime, doubler, { HOTSWAP_ENABLE_WASM: 'false' });
  expect(await off.invoke('double', [21])).toMatchObject({ value: 42, origin: 'fallback' });
});

it('the README shows where settings go', async () => {
  expect(read('../README.md')).toContain(read('./settings-example.ts'));
  const directory = await mkdtemp(join(tmpdir(), 'hotswap-settings-'));
  const modulePath = join(directory, 'doubler.wasm');
  await writeFile(modulePath, doubler);
  await using runtime = new V8RuntimeHost();
  const fallback = { invoke: () => 'native' };
  await using guarded = openAsSet(runtime, readModuleSettings({ wasm_module_path: modulePath }), fallback);
  expect(await guarded.invoke('double', [21])).toMatchObject({ value: 42, origin: 'module' });
  await using off = openAsSet(runtime, readModuleSettings({}, { RIPTIDE_ENABLE_WASM: 'false' }), fallback);
  expect(await off.invoke('double', [21])).toMatchObject({ value: 'native', origin: 'fallback' });
  await rm(directory, { recursive: true });
});
