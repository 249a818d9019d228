import type { RuntimeCapabilities } from '@hotswap/core';
import { childCapabilities } from '@hotswap/runtime-child';

/** What the Wasmer runtime can do, known without starting it. @public */
export const wasmerCapabilities: RuntimeCapabilities = childCapabilities({
  wasi: ['preview1'],
  fuel: true,
  backtraces: true,
});
