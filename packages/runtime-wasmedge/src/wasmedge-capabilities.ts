import type { RuntimeCapabilities } from '@hotswap/core';
import { childCapabilities } from '@hotswap/runtime-child';

/** What the WasmEdge runtime can do, known without starting it. @public */
export const wasmedgeCapabilities: RuntimeCapabilities = childCapabilities({
  wasi: ['preview1'],
  fuel: true,
  backtraces: false,
});
