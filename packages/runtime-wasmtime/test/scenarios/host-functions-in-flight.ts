import { readFile } from 'node:fs/promises';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { wasmtime } from '@hotswap/runtime-wasmtime';

// Workers end while guests wait for their functions, which never answer; the process and its other guests go on.
const bytes = await readFile(new URL('../../../../examples/modules/rust/plugin-rust-1.0.0.wasm', import.meta.url));
const names = ['log', 'revise', 'sum', 'reverse', 'next', 'turn', 'countUp', 'merge', '[constructor]bucket'].concat(
  ['put', 'get', 'size'].map((method) => `[method]bucket.${method}`),
);
const api = Object.fromEntries(names.map((name) => [name, () => undefined]));
const withLookUp = (lookUp: (key: unknown) => string | Promise<string>) => ({
  imports: { 'hotswap:plugin/host-api': { ...api, lookUp }, $root: { hostName: () => 'scenario' } },
});

const host = await wasmtime({ cacheDirectory: false });
if (isMainThread) {
  for (let round = 0; round < 10; round++) {
    const worker = new Worker(new URL(import.meta.url), { execArgv: process.execArgv });
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
  }
  const module = await host.load(
    { bytes },
    withLookUp((key) => `value of ${String(key)}`),
  );
  const { value } = await module.invoke('look-up', ['a']);
  await host[Symbol.asyncDispose]();
  console.log(value === 'value of a' ? 'survived' : value);
} else {
  const module = await host.load(
    { bytes },
    withLookUp(() => new Promise(() => undefined)),
  );
  for (let call = 0; call < 50; call++) module.invoke('look-up', ['a']).catch(() => undefined);
  setTimeout(() => parentPort?.postMessage('in flight'), 30);
}
