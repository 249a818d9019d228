import { readFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { wasmtime } from '@hotswap/runtime-wasmtime';

const { path } = workerData as { readonly path: string };
const host = await wasmtime({ cacheDirectory: false });
const module = await host.load({ bytes: await readFile(path) });
const slots = host.createSlotTable();
slots.set('lab', { versions: new Map([['v', { module, weight: 1 }]]) });
const plane = await host.createHttpPlane?.({
  slots,
  fallback: async () => await Promise.resolve({ status: 200, body: 'from the worker' }),
});
const listener = await plane?.listen({});
listener?.setRoutes([
  { slot: 'lab', hosts: [], pathPrefix: '/guest', stripPrefix: true, access: 'public', affinity: null },
]);
parentPort?.postMessage(listener?.port);
