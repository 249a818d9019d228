// A host is disposed of while calls, a command and a load are in flight: each of them ends, and so does the process.
import { isHotSwapError } from '@hotswap/core';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { loadAdder, loadLoop } from './guests.ts';

const host = await wasmtime({ cacheDirectory: false });
const [loop, adder] = await Promise.all([loadLoop(host), loadAdder(host)]);
const work = [
  ...Array.from({ length: 50 }, () => loop.invoke('run', [])),
  ...Array.from({ length: 50 }, (_, i) => adder.invoke('add', [i, 1])),
  loadAdder(host),
];
const codes = work.map((call) =>
  call.then(
    () => 'answered',
    (error: unknown) => (isHotSwapError(error) ? error.code : String(error)),
  ),
);
await host[Symbol.asyncDispose]();
const ends = await Promise.all(codes);
const orderly = new Set(['answered', 'HS_RUNTIME_CANCELLED', 'HS_RUNTIME_CLOSED']);
const late = await adder.invoke('add', [1, 1]).catch((error: unknown) => (isHotSwapError(error) ? error.code : ''));
if (ends.every((code) => orderly.has(code)) && late === 'HS_RUNTIME_CLOSED') console.log('survived');
else console.log(JSON.stringify([...new Set(ends), late]));
