// The process ends with 1,000 calls in flight.
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { loadAdder, loadLoop } from './guests.ts';

const host = await wasmtime({ cacheDirectory: false });
const [loop, adder] = [await loadLoop(host), await loadAdder(host)];
for (let n = 0; n < 500; n++) void Promise.allSettled([loop.invoke('run', []), adder.invoke('add', [n, 1])]);
setTimeout(() => {
  console.log('survived');
  process.exit(0);
}, 50);
