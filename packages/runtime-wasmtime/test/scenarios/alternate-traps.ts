// V8's traps and ours by turns, in the main thread and then in a Worker.
import { Worker, isMainThread } from 'node:worker_threads';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { loadTraps, v8Traps, wasmtimeTraps } from './guests.ts';

const turns = 2_000;
const host = await wasmtime({ cacheDirectory: false });
const traps = await loadTraps(host);
let caught = 0;
for (let i = 0; i < turns; i++) caught += Number(v8Traps()) + Number(wasmtimeTraps(traps));
await host[Symbol.asyncDispose]();
if (caught !== 2 * turns) throw new RangeError(`${caught} of ${2 * turns} traps caught`);
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const [code] = await new Promise<[number]>((resolve, reject) =>
    worker.on('error', reject).on('exit', (exitCode) => resolve([exitCode])),
  );
  if (code !== 0) throw new RangeError(`the Worker ended with ${code}`);
  console.log('survived');
}
