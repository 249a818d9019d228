// Someone takes SIGSEGV after the runtime has started: calls are refused before a trap could loop for ever.
import { isHotSwapError } from '@hotswap/core';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { loadTraps } from './guests.ts';

const host = await wasmtime({ cacheDirectory: false });
const traps = await loadTraps(host);
await traps.invoke('fine', []);
process.on('SIGSEGV', () => undefined);
const codes = new Set<string>();
for (const until = Date.now() + 5_000; Date.now() < until && !codes.has('HS_RUNTIME_SIGNAL_HANDLER_REPLACED');) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  await traps
    .invoke('fine', [])
    .catch((error: unknown) => codes.add(isHotSwapError(error) ? error.code : String(error)));
}
if (codes.size === 1 && codes.has('HS_RUNTIME_SIGNAL_HANDLER_REPLACED')) console.log('survived');
process.exit(0);
