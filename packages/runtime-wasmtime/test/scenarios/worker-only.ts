// Only a Worker ever loads the addon; it ends, and then V8 traps in the main thread.
import { Worker, isMainThread } from 'node:worker_threads';
import { v8Traps } from './guests.ts';

if (isMainThread) {
  for (let i = 0; i < 3; i++) {
    const worker = new Worker(new URL(import.meta.url));
    await new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve));
    for (let trap = 0; trap < 100; trap++) if (!v8Traps()) throw new RangeError('V8 did not trap');
  }
  console.log('survived');
} else {
  const { wasmtime } = await import('@hotswap/runtime-wasmtime');
  const { loadTraps, wasmtimeTraps } = await import('./guests.ts');
  const host = await wasmtime({ cacheDirectory: false });
  if (!wasmtimeTraps(await loadTraps(host))) throw new RangeError('Wasmtime did not trap');
}
