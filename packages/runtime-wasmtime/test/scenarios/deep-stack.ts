// A guest recurses without end while the JavaScript stack is nearly used up: in the main thread and in a Worker.
import { readFile } from 'node:fs/promises';
import { Worker, isMainThread } from 'node:worker_threads';
import { hostileModule } from '@hotswap/example-modules';
import { wasmtime } from '@hotswap/runtime-wasmtime';

const host = await wasmtime({ cacheDirectory: false });
const recursion = await host.load({ bytes: await readFile(hostileModule('deep-recursion').path) });

/** Recurses until the engine refuses, calling the guest at each depth near the end. */
function descend(levels: number, codes: Set<string>): void {
  if (levels % 100 === 0) {
    try {
      recursion.invokeSync?.('run', []);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      codes.add((error as { code?: string }).code ?? String(error));
    }
  }
  descend(levels + 1, codes);
}

const codes = new Set<string>();
try {
  descend(0, codes);
} catch (error) {
  if (!(error instanceof RangeError)) throw error;
}
codes.delete('HS_RUNTIME_TRAP');
// Preparing a call on a stack that is full fails like any other code there.
codes.delete('HS_RUNTIME_INTERNAL');
if (codes.size > 0) throw new RangeError([...codes].join());
await host[Symbol.asyncDispose]();
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const code = await new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve));
  if (code === 0) console.log('survived');
}
