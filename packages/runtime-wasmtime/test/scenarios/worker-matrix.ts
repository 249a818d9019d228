// Workers and the main thread load, call, trap and end, all at once and again and again; some are terminated in the middle of it.
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { loadAdder, loadLoop, loadTraps, v8Traps, wasmtimeTraps } from './guests.ts';

async function work(rounds: number): Promise<boolean> {
  await using host = await wasmtime({ cacheDirectory: false });
  for (let round = 0; round < rounds; round += 1) {
    await using adder = await loadAdder(host);
    await using traps = await loadTraps(host);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => adder.invoke('add', [i, 1])));
    if (!answers.every(({ value }, i) => value === i + 1)) return false;
    if (!wasmtimeTraps(traps) || !v8Traps() || adder.invokeSync?.('add', [40, 2]) !== 42) return false;
  }
  return true;
}

if (isMainThread) {
  const outcomes: boolean[] = [];
  for (let wave = 0; wave < 3; wave += 1) {
    const workers = Array.from({ length: 4 }, () => new Worker(new URL(import.meta.url)));
    const ends = workers.map(
      (worker, i) =>
        new Promise<boolean>((resolve) => {
          if (i === 0) setTimeout(() => void worker.terminate(), 20 * (wave + 1));
          worker.on('message', (good: boolean) => resolve(good));
          // The terminated one may have been too quick for it, or too slow to say anything.
          worker.on('exit', () => resolve(i === 0));
          worker.on('error', () => resolve(false));
        }),
    );
    outcomes.push(await work(3), ...(await Promise.all(ends)));
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  if (outcomes.length === 15 && outcomes.every(Boolean)) console.log('survived');
} else {
  await using host = await wasmtime({ cacheDirectory: false });
  const loop = await loadLoop(host);
  // Still in flight when this Worker ends.
  void loop.invoke('run', []).catch(() => undefined);
  parentPort?.postMessage(await work(5));
}
