import type { InstanceHandle, ModuleHandle } from '../binding.d.ts';
import { mapNativeError } from './map-native-error.ts';

type Bound = (...args: readonly unknown[]) => unknown;

/**
 * Calls on this thread of one module or instance. Each export that is called gets a native function of its own, made at
 * its first call.
 * @internal
 */
export class SynchronousCalls {
  readonly #handle: ModuleHandle | InstanceHandle;
  readonly #bound: (Bound | undefined)[] = [];

  constructor(handle: ModuleHandle | InstanceHandle) {
    this.#handle = handle;
  }

  /** @throws what the addon throws, as the project's errors */
  call(exportIndex: number, args: readonly unknown[], timeoutMs: number | undefined): unknown {
    try {
      if (timeoutMs !== undefined) return this.#handle.callSync(exportIndex, args, timeoutMs);
      const bound = (this.#bound[exportIndex] ??= this.#handle.bindSync(exportIndex));
      return bound(...args);
    } catch (error) {
      throw mapNativeError(error);
    }
  }
}
