// Workers are terminated with 1,000 calls in flight each; the main thread's own calls go on.
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { loadAdder, loadLoop } from './guests.ts';

const host = await wasmtime({ cacheDirectory: false });
if (isMainThread) {
  const adder = await loadAdder(host);
  for (let i = 0; i < 10; i++) {
    const worker = new Worker(new URL(import.meta.url));
    await new Promise((resolve, reject) => worker.on('error', reject).once('message', resolve));
    await worker.terminate();
    const sums = await Promise.all(Array.from({ length: 100 }, (_, n) => adder.invoke('add', [n, 1])));
    if (sums.some(({ value }, n) => value !== n + 1)) throw new RangeError('a sum is wrong');
  }
  console.log('survived');
} else {
  const [loop, adder] = [await loadLoop(host), await loadAdder(host)];
  for (let n = 0; n < 500; n++) void Promise.allSettled([loop.invoke('run', []), adder.invoke('add', [n, 1])]);
  parentPort?.postMessage('in flight');
  await new Promise(() => undefined);
}
