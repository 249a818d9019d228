import { isHotSwapError, type ModuleStore } from '@hotswap/core';
import { MemoryModuleStore } from '@hotswap/testing';

type Break = (store: ModuleStore) => Partial<ModuleStore>;

async function* oneChunk(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  yield Buffer.concat(all);
}

async function* first(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const part of parts) return yield part;
}

const swallow =
  (code: string): Break =>
  (store) => ({
    put: async (digest, ...rest) => {
      try {
        return await store.put(digest, ...rest);
      } catch (thrown) {
        if (isHotSwapError(thrown, code)) return { digest, sizeBytes: 0 };
        throw thrown;
      }
    },
  });

/** Keeps what has arrived when the source fails or the digest does not match, under the digest that was claimed. */
const keepsParts =
  (keeps: (thrown: unknown) => boolean): Break =>
  (store) => {
    const kept = new Map<string, number>();
    return {
      put: async (digest, bytes, options) => {
        let sizeBytes = 0;
        async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
          for await (const part of bytes) {
            sizeBytes += part.length;
            yield part;
          }
        }
        try {
          return await store.put(digest, counted(), options);
        } catch (thrown) {
          if (keeps(thrown)) kept.set(digest, sizeBytes);
          throw thrown;
        }
      },
      stat: async (digest) =>
        (await store.stat(digest)) ?? (kept.has(digest) ? { digest, sizeBytes: kept.get(digest) ?? 0 } : null),
    };
  };

/** For each clause of the module store suite a store that breaks it. */
export const moduleStoreFaults: Readonly<Record<string, Break>> = {
  'gives back what was put, in whatever pieces it came': (store) => ({
    put: (digest, bytes, options) => store.put(digest, first(bytes), options),
  }),
  'keeps an object of no bytes': (store) => ({
    put: async (digest, bytes, options) => ({ ...(await store.put(digest, bytes, options)), sizeBytes: 1 }),
  }),
  'streams a large object in parts': (store) => ({ get: (...args) => oneChunk(store.get(...args)) }),
  'gives half-open ranges and cuts them at the end': (store) => ({
    get: (digest, range) => store.get(digest, range?.to === undefined ? range : { from: range.from, to: range.to + 1 }),
  }),
  'refuses bytes of another digest and keeps nothing': swallow('HS_STORE_DIGEST_MISMATCH'),
  'refuses more bytes than allowed and keeps nothing': (store) => ({
    put: (digest, bytes) => store.put(digest, bytes),
  }),
  'keeps nothing of a source that breaks off': keepsParts((thrown) => thrown instanceof TypeError),
  'a failed put leaves an object that is there alone': (store) => ({
    put: async (digest, ...rest) => {
      try {
        return await store.put(digest, ...rest);
      } catch (thrown) {
        await store.delete(digest);
        throw thrown;
      }
    },
  }),
  'shows an object whole or not at all while it is being written': (store) => {
    const begun = new Set<string>();
    return {
      put: async (digest, ...rest) => (begun.add(digest), store.put(digest, ...rest)),
      stat: async (digest) => (await store.stat(digest)) ?? (begun.has(digest) ? { digest, sizeBytes: 0 } : null),
    };
  },
  'makes one object of the same bytes written many times at once': (store) => {
    let copies = 0;
    return {
      put: async (...args) => ((copies += 1), store.put(...args)),
      delete: async (digest) => ((copies -= 1), copies > 0 ? undefined : store.delete(digest)),
    };
  },
  'says HS_STORE_NOT_FOUND for what is not there': (store) => ({
    async *get(...args) {
      if (await store.stat(args[0])) yield* store.get(...args);
    },
  }),
  'deletes, and deletes again': (store) => ({
    delete: async (digest) => {
      if (!(await store.stat(digest))) throw new TypeError('there is nothing to delete');
      await store.delete(digest);
    },
  }),
  'takes nothing but digests as keys': (store) => ({
    stat: async (digest) => (/^[0-9a-f]{64}$/.test(digest) ? store.stat(digest) : null),
  }),
  'presigns exactly when it says that it can': () => ({ presign: async () => 'https://example.invalid/' }),
};

/** The in-memory module store with a fault. */
export function brokenModuleStore(fault: Break): ModuleStore {
  const store = new MemoryModuleStore();
  const whole: ModuleStore = {
    name: store.name,
    capabilities: store.capabilities,
    put: (...args) => store.put(...args),
    get: (...args) => store.get(...args),
    stat: (...args) => store.stat(...args),
    delete: (...args) => store.delete(...args),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
  return { ...whole, ...fault(whole) };
}
