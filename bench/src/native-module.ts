import type { ModuleHandle } from '../../packages/runtime-wasmtime/binding.d.ts';
// The one place that reaches into a package: the addon's own loops are what the package is measured against.
import { loadNativeBinding } from '../../packages/runtime-wasmtime/src/load-native-binding.ts';

/** A module below the package: loops in Rust, and what mapping the compiled file alone costs. */
export interface NativeModule extends Disposable {
  /** Nanoseconds per store, instantiation, call and drop. */
  freshNs(iterations: number): number;
  /** Nanoseconds per call on one instance, of `add` unless said otherwise. */
  warmNs(iterations: number, name?: string, args?: readonly unknown[]): number;
}

/** Loads a guest whose `add` the loops call. */
export async function nativeModule(bytes: Uint8Array): Promise<NativeModule> {
  const native = loadNativeBinding();
  const { promise, resolve, reject } = Promise.withResolvers<ModuleHandle>();
  const dispatcher = new native.Dispatcher(([, failure, value]) => {
    if (failure === undefined) resolve(value as ModuleHandle);
    else reject(failure);
  });
  // Time limits apply to a whole loop here.
  dispatcher.load(
    1,
    bytes,
    JSON.stringify({ policy: { limits: { timeoutMs: 60_000, cpuMs: 60_000, maxMemoryBytes: 2 ** 28 } } }),
  );
  const handle = await promise;
  return {
    freshNs: (iterations) => handle.benchFresh(handle.exportIndex('add'), [1, 2], iterations),
    warmNs: (iterations, name = 'add', args = [1, 2]) =>
      handle.benchWarm(handle.exportIndex(name), args as unknown[], iterations),
    [Symbol.dispose]: () => {
      handle.dispose();
      dispatcher.close();
    },
  };
}
