import type { RuntimeHost } from '@hotswap/core';
import { type ChildRuntimeOptions, childRuntimeHost, findExecutable } from '@hotswap/runtime-child';

/** Options of {@link wasmer}. @public */
export type WasmerOptions = ChildRuntimeOptions;

/**
 * Starts a runtime host on Wasmer, in child processes of this one. Core modules and WASI preview 1.
 * @throws HS_RUNTIME_CHILD_MISSING where the program was not built, HS_RUNTIME_CHILD_FAILED,
 * HS_RUNTIME_CHILD_INVALID_OPTIONS
 * @public
 */
export async function wasmer(options: WasmerOptions = {}): Promise<RuntimeHost> {
  const executable = await findExecutable({
    engine: 'wasmer',
    program: 'hotswap-runtime-wasmer',
    variable: 'HOTSWAP_WASMER_EXECUTABLE',
    option: options.executable,
    packageFolder: new URL('../', import.meta.url),
  });
  return await childRuntimeHost({ engine: 'wasmer', command: [executable] }, options);
}
