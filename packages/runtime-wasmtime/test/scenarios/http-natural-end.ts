// An open listener keeps the process alive; planes that are never disposed of do not.
import { setTimeout as sleep } from 'node:timers/promises';
import { wasmtime } from '@hotswap/runtime-wasmtime';

const host = await wasmtime({ cacheDirectory: false });
const slots = host.createSlotTable();
const plane = await host.createHttpPlane?.({
  slots,
  fallback: async () => await Promise.resolve({ status: 200, body: 'x' }),
});
const listener = await plane?.listen({});
await host.createHttpPlane?.({ slots });
// Nothing but the listener waits here: without it the process would end, and print nothing.
void sleep(200, undefined, { ref: false }).then(async () => {
  const answer = await fetch(`http://127.0.0.1:${String(listener?.port)}/`);
  if ((await answer.text()) === 'x') await listener?.close(1_000);
  console.log('survived');
});
