import assert from 'node:assert/strict';
import { isHotSwapError, sha256Hex, type ModuleStore } from '@hotswap/core';
import { defineSuite, type Clauses, type SuiteOptions } from '../define-suite.ts';

/** A module store that is empty. @public */
export interface ModuleStoreRig extends AsyncDisposable {
  readonly store: ModuleStore;
}

/** Larger than any buffer that a store may use inside, and of no repeating pattern. */
const largeSizeBytes = 3 * 1_048_576 + 17;

function patternedBytes(sizeBytes: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  let state = seed;
  for (let at = 0; at < sizeBytes; at++) {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

async function* chunks(bytes: Uint8Array, sizeBytes = 65_536): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.slice(at, at + sizeBytes);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, at) => byte === b[at]);

async function rejects(work: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(work, (thrown) => isHotSwapError(thrown, code), `expected ${code}`);
}

async function stored(store: ModuleStore, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await sha256Hex(bytes);
  assert.deepEqual(await store.put(digest, chunks(bytes)), { digest, sizeBytes: bytes.length });
  return digest;
}

const clauses: Clauses<ModuleStoreRig> = {
  async 'gives back what was put, in whatever pieces it came'({ store }) {
    const bytes = patternedBytes(100_000);
    const digest = await sha256Hex(bytes);
    await store.put(digest, chunks(bytes, 7_001));
    assert.ok(same(await collect(store.get(digest)), bytes));
    assert.deepEqual(await store.stat(digest), { digest, sizeBytes: 100_000 });
  },

  async 'keeps an object of no bytes'({ store }) {
    const digest = await stored(store, new Uint8Array());
    assert.equal((await collect(store.get(digest))).length, 0);
  },

  async 'streams a large object in parts'({ store }) {
    const bytes = patternedBytes(largeSizeBytes);
    const digest = await stored(store, bytes);
    let parts = 0;
    for await (const part of store.get(digest)) parts += part.length > 0 ? 1 : 0;
    assert.ok(parts > 1, 'it came in one piece');
    assert.ok(same(await collect(store.get(digest)), bytes));
  },

  async 'gives half-open ranges and cuts them at the end'({ store }) {
    const bytes = patternedBytes(200_000);
    const digest = await stored(store, bytes);
    for (const [from, to] of [
      [0, 1],
      [1, 131_073],
      [199_999, 200_000],
      [100, undefined],
      [5, 9_999_999],
      [200_000, undefined],
      [42, 42],
    ] as const) {
      const part = await collect(store.get(digest, to === undefined ? { from } : { from, to }));
      assert.ok(same(part, bytes.slice(from, to)), `${from}-${to}`);
    }
  },

  async 'refuses bytes of another digest and keeps nothing'({ store }) {
    const digest = await sha256Hex(patternedBytes(1_000));
    await rejects(store.put(digest, chunks(patternedBytes(1_000, 2))), 'HS_STORE_DIGEST_MISMATCH');
    await rejects(store.put(digest, chunks(patternedBytes(999))), 'HS_STORE_DIGEST_MISMATCH');
    assert.equal(await store.stat(digest), null);
  },

  async 'refuses more bytes than allowed and keeps nothing'({ store }) {
    const bytes = patternedBytes(1_000);
    const digest = await sha256Hex(bytes);
    await rejects(store.put(digest, chunks(bytes, 100), { maxSizeBytes: 999 }), 'HS_STORE_TOO_LARGE');
    assert.equal(await store.stat(digest), null);
    assert.equal((await store.put(digest, chunks(bytes), { maxSizeBytes: 1_000 })).sizeBytes, 1_000);
  },

  async 'keeps nothing of a source that breaks off'({ store }) {
    const bytes = patternedBytes(100_000);
    const digest = await sha256Hex(bytes);
    async function* broken(): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes.slice(0, 50_000);
      throw new TypeError('the connection is gone');
    }
    await assert.rejects(store.put(digest, broken()));
    assert.equal(await store.stat(digest), null);
    await stored(store, bytes);
  },

  async 'a failed put leaves an object that is there alone'({ store }) {
    const bytes = patternedBytes(5_000);
    const digest = await stored(store, bytes);
    await rejects(store.put(digest, chunks(patternedBytes(5_000, 9))), 'HS_STORE_DIGEST_MISMATCH');
    assert.ok(same(await collect(store.get(digest)), bytes));
  },

  async 'shows an object whole or not at all while it is being written'({ store }) {
    const bytes = patternedBytes(300_000);
    const digest = await sha256Hex(bytes);
    let seen: unknown = 'never looked';
    async function* slow(): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes.slice(0, 150_000);
      seen = await store.stat(digest);
      yield bytes.slice(150_000);
    }
    await store.put(digest, slow());
    assert.equal(seen, null);
    assert.ok(same(await collect(store.get(digest)), bytes));
  },

  async 'makes one object of the same bytes written many times at once'({ store }) {
    const bytes = patternedBytes(200_000);
    const digest = await sha256Hex(bytes);
    const all = await Promise.all(Array.from({ length: 10 }, () => store.put(digest, chunks(bytes))));
    assert.ok(all.every(({ sizeBytes }) => sizeBytes === 200_000));
    assert.ok(same(await collect(store.get(digest)), bytes));
    await store.delete(digest);
    assert.equal(await store.stat(digest), null);
  },

  async 'says HS_STORE_NOT_FOUND for what is not there'({ store }) {
    await rejects(collect(store.get('0'.repeat(64))), 'HS_STORE_NOT_FOUND');
    assert.equal(await store.stat('0'.repeat(64)), null);
  },

  async 'deletes, and deletes again'({ store }) {
    const digest = await stored(store, patternedBytes(10));
    const other = await stored(store, patternedBytes(10, 5));
    await store.delete(digest);
    await store.delete(digest);
    assert.equal(await store.stat(digest), null);
    await rejects(collect(store.get(digest)), 'HS_STORE_NOT_FOUND');
    assert.notEqual(await store.stat(other), null);
  },

  async 'takes nothing but digests as keys'({ store }) {
    for (const key of ['', '../../etc/passwd', 'A'.repeat(64), '0'.repeat(63), `${'0'.repeat(64)}/x`]) {
      await assert.rejects(store.put(key, chunks(patternedBytes(1))), `put ${key}`);
      await assert.rejects(async () => store.stat(key), `stat ${key}`);
    }
  },

  async 'presigns exactly when it says that it can'({ store }) {
    assert.equal(store.presign !== undefined, store.capabilities.presign);
  },
};

/**
 * What a `ModuleStore` has to do: atomic, verified, by content.
 * @public
 */
export function moduleStoreSuite(options: SuiteOptions<ModuleStoreRig>): void {
  defineSuite(options, clauses);
}
