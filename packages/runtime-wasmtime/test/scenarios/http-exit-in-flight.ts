// The process ends by itself while requests and bodies are under way.
import { wasmtime } from '@hotswap/runtime-wasmtime';

const host = await wasmtime({ cacheDirectory: false });
let begun = 0;
const plane = await host.createHttpPlane?.({
  slots: host.createSlotTable(),
  fallback: async ({ body }) => {
    begun++;
    await Promise.resolve();
    return { status: 200, body };
  },
});
const listener = await plane?.listen({});
const chunk = new Uint8Array(65_536);
const endless = (): ReadableStream<Uint8Array> =>
  new ReadableStream({
    pull: (controller) => {
      controller.enqueue(chunk);
    },
  });
for (let at = 0; at < 20; at++)
  void fetch(`http://127.0.0.1:${String(listener?.port)}/`, {
    method: 'POST',
    body: endless(),
    duplex: 'half',
  }).catch(() => undefined);
const timer = setInterval(() => {
  if (begun < 20) return;
  clearInterval(timer);
  console.log('survived');
  process.exit(0);
}, 10);
