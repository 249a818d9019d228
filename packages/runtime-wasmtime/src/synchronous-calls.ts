import { type CallOptions, callTimeoutMs } from '@hotswap/core';
import type { InstanceHandle, ModuleHandle } from '../binding.d.ts';
import type { ExportTarget } from './function-index.ts';
import { mapNativeError } from './map-native-error.ts';
import type { MessageCodec } from './message-codec.ts';
import { MessageScratch } from './message-scratch.ts';

type Bound = (...args: readonly unknown[]) => unknown;
type BoundMessages = ReturnType<ModuleHandle['bindMessages']>;

/**
 * Calls on this thread of one module or instance. Each export that is called gets a native function of its own, made at
 * its first call.
 * @internal
 */
export class SynchronousCalls {
  readonly #handle: ModuleHandle | InstanceHandle;
  readonly #bound: (Bound | undefined)[] = [];
  readonly #boundMessages: (BoundMessages | undefined)[] = [];

  constructor(handle: ModuleHandle | InstanceHandle) {
    this.#handle = handle;
  }

  /** @throws what the addon throws, as the project's errors */
  call({ exportIndex, codec }: ExportTarget, args: readonly unknown[], options: CallOptions | undefined): unknown {
    const timeoutMs = options === undefined ? 0 : callTimeoutMs(options);
    try {
      if (codec !== undefined && timeoutMs === 0) return this.#callByMessage(exportIndex, codec, args);
      if (timeoutMs !== 0) return this.#handle.callSync(exportIndex, args, timeoutMs);
      return this.#callByValue(exportIndex, args);
    } catch (error) {
      throw mapNativeError(error);
    }
  }

  #callByValue(exportIndex: number, args: readonly unknown[]): unknown {
    const bound = (this.#bound[exportIndex] ??= this.#handle.bindSync(exportIndex));
    return bound(...args);
  }

  #callByMessage(exportIndex: number, codec: MessageCodec, args: readonly unknown[]): unknown {
    const scratch = MessageScratch.take();
    try {
      const length = codec.write(scratch, args);
      if (length < 0) return this.#callByValue(exportIndex, args);
      const bound = (this.#boundMessages[exportIndex] ??= this.#handle.bindMessages(exportIndex));
      return codec.read(scratch, bound(scratch.bytes, length));
    } finally {
      MessageScratch.giveBack(scratch);
    }
  }
}
