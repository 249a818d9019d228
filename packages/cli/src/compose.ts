import { isHotSwapError, type RuntimeHost } from '@hotswap/core';
import { cliError } from './error-codes.ts';

/**
 * The runtime that `hotswap run` runs modules on: Wasmtime, loaded only when a module is run, so that no other command
 * needs the native addon.
 * @throws HS_CLI_NO_RUNTIME when it is not installed; HS_RUNTIME_NATIVE_MISSING when it has no addon for this platform
 * @internal
 */
export async function openLocalRuntime(): Promise<RuntimeHost> {
  try {
    const { wasmtime } = await import('@hotswap/runtime-wasmtime');
    return await wasmtime();
  } catch (error) {
    if (isHotSwapError(error)) throw error;
    throw cliError('HS_CLI_NO_RUNTIME', { why: (error as NodeJS.ErrnoException).code ?? 'unknown' }, error);
  }
}
