import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { V8RuntimeHost } from '@hotswap/testing';
import { openDoubler } from './readme-example.ts';

/** `(func (export "double") (param i32) (result i32) local.get 0 i32.const 1 i32.shl)` */
const doubler = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7, 10, 1, 6, 100, 111, 117, 98, 108, 101, 0, 0,
  10, 9, 1, 7, 0, 32, 0, 65, 1, 116, 11,
]);

it('the README shows a guard that works', async () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(read('./readme-example.ts'));
  await using runtime = new V8RuntimeHost();
  await using guarded = openDoubler(runtime, doubler, {});
  expect(await guarded.invoke('double', [21])).toMatchObject({ value: 42, origin: 'module' });
  await using broken = openDoubler(runtime, doubler.slice(0, 20), {});
  expect(await broken.invoke('double', [21])).toMatchObject({ value: 42, origin: 'fallback' });
  await using off = openDoubler(runtime, doubler, { HOTSWAP_ENABLE_WASM: 'false' });
  expect(await off.invoke('double', [21])).toMatchObject({ value: 42, origin: 'fallback' });
});
