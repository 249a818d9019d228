import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fsModuleStore } from '../src/index.ts';

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const part of parts) yield await Promise.resolve(part);
}
async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

describe('FsModuleStore', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hotswap-store-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('keeps bytes under their digest, for its owner alone, and streams them back in parts', async () => {
    const store = await fsModuleStore({ directory });
    const bytes = randomBytes(700_000);
    const digest = digestOf(bytes);
    expect(await store.put(digest, chunks(bytes.subarray(0, 1), bytes.subarray(1)))).toEqual({
      digest,
      sizeBytes: 700_000,
    });
    expect(await store.stat(digest)).toEqual({ digest, sizeBytes: 700_000 });
    expect((await collect(store.get(digest))).equals(bytes)).toBe(true);
    const path = join(directory, digest.slice(0, 2), `${digest}.wasm`);
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect([(await stat(path)).mode & 0o777, (await stat(join(directory, digest.slice(0, 2)))).mode & 0o777]).toEqual([
      0o600, 0o700,
    ]);
    await store.put(digest, chunks(bytes));
    await store.delete(digest);
    await store.delete(digest);
    expect(await store.stat(digest)).toBeNull();
  });

  it('streams half-open ranges and cuts what lies beyond the end', async () => {
    const store = await fsModuleStore({ directory });
    const bytes = randomBytes(600_000);
    const digest = digestOf(bytes);
    await store.put(digest, chunks(bytes));
    for (const [from, to] of [
      [0, 1],
      [5, 300_000],
      [599_999, 600_000],
      [10, 9_999_999],
      [600_000, undefined],
      [7, 7],
    ] as const) {
      const part = await collect(store.get(digest, to === undefined ? { from } : { from, to }));
      expect(part.equals(bytes.subarray(from, to))).toBe(true);
    }
  });

  it('keeps nothing when the digest does not match, the size limit is passed, or the source fails', async () => {
    const store = await fsModuleStore({ directory });
    const bytes = randomBytes(100);
    const digest = digestOf(bytes);
    await expect(store.put(digest, chunks(bytes, bytes))).rejects.toMatchObject({
      code: 'HS_STORE_DIGEST_MISMATCH',
      details: { expected: digest },
    });
    await expect(store.put(digest, chunks(bytes), { maxSizeBytes: 99 })).rejects.toMatchObject({
      code: 'HS_STORE_TOO_LARGE',
      details: { maxSizeBytes: 99 },
    });
    const failing = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes;
      throw await Promise.resolve(new TypeError('cut off'));
    };
    await expect(store.put(digest, failing())).rejects.toThrow('cut off');
    expect(await store.stat(digest)).toBeNull();
    expect(await readdir(join(directory, 'pending'))).toEqual([]);
    await store.put(digest, chunks(bytes), { maxSizeBytes: 100 });
  });

  it('keeps one object of many concurrent writes of the same bytes', async () => {
    const store = await fsModuleStore({ directory });
    const bytes = randomBytes(10_000);
    const digest = digestOf(bytes);
    await Promise.all(Array.from({ length: 20 }, () => store.put(digest, chunks(bytes))));
    expect((await readdir(join(directory, digest.slice(0, 2)))).filter((name) => name.startsWith(digest))).toEqual([
      `${digest}.wasm`,
    ]);
    expect(await readdir(join(directory, 'pending'))).toEqual([]);
  });

  it('removes what interrupted writes have left when it opens', async () => {
    await writeFile(join(directory, 'pending', 'half-written'), 'x');
    await fsModuleStore({ directory });
    expect(await readdir(join(directory, 'pending'))).toEqual([]);
  });

  it('says NOT_FOUND for bytes that are not there, and takes nothing but digests as keys', async () => {
    const store = await fsModuleStore({ directory });
    await expect(collect(store.get('0'.repeat(64)))).rejects.toMatchObject({ code: 'HS_STORE_NOT_FOUND' });
    for (const key of ['../../etc/passwd', 'A'.repeat(64), '', '0'.repeat(63), `${'0'.repeat(64)}/x`]) {
      await expect(store.stat(key)).rejects.toMatchObject({ code: 'HS_STORE_INVALID_DIGEST' });
      await expect(store.put(key, chunks())).rejects.toMatchObject({ code: 'HS_STORE_INVALID_DIGEST' });
      await expect(collect(store.get(key))).rejects.toMatchObject({ code: 'HS_STORE_INVALID_DIGEST' });
      await expect(store.delete(key)).rejects.toMatchObject({ code: 'HS_STORE_INVALID_DIGEST' });
    }
  });

  it('shows no path to its caller when the file system fails', async () => {
    const blocked = join(directory, 'a-file');
    await writeFile(blocked, '');
    await chmod(blocked, 0o600);
    const failure = (await fsModuleStore({ directory: join(blocked, 'below') }).catch(
      (error: unknown) => error,
    )) as Error & { code: string };
    expect(failure.code).toBe('HS_STORE_FAILED');
    expect(failure.message).not.toContain(directory);
  });
});
