// Nothing is disposed of: a host without calls in flight does not keep the process alive, one with calls does.
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { loadAdder } from './guests.ts';

const host = await wasmtime({ cacheDirectory: false });
const adder = await loadAdder(host);
await (await adder.open()).invoke('add', [1, 2]);
void adder.invoke('add', [20, 22]).then(({ value }) => {
  if (value === 42) console.log('survived');
});
