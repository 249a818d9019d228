import { loadNativeBinding } from '../../packages/runtime-wasmtime/src/load-native-binding.ts';

/** Milliseconds of mapping compiled files and nothing else: no verification, no linking. What loading is measured against. */
export function bareDeserializeMs(compiledFiles: readonly string[], rounds: number): Float64Array {
  const native = loadNativeBinding();
  const samples = [];
  for (let round = 0; round < rounds; round++) {
    for (const file of compiledFiles) samples.push(native.benchDeserialize(file) / 1e6);
  }
  return Float64Array.from(samples);
}
