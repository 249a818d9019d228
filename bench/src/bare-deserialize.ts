import { openCompileCache } from '../../packages/runtime-wasmtime/src/compile-cache.ts';
import { loadNativeBinding } from '../../packages/runtime-wasmtime/src/load-native-binding.ts';

/** Milliseconds of mapping compiled files and nothing else: no verification, no linking. What loading is measured against. */
export async function bareDeserializeMs(
  cacheDirectory: string,
  digests: readonly string[],
  rounds: number,
): Promise<Float64Array> {
  const cache = await openCompileCache(cacheDirectory);
  const perDigest = digests.map((digest) =>
    loadNativeBinding().benchMap(JSON.stringify({ digest: `sha256:${digest}`, cache }), rounds),
  );
  return Float64Array.from(perDigest.flat(), (ns) => ns / 1e6);
}
