import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentError } from '../src/error-codes.ts';
import { ModuleCache, type ModuleOrigin, type WantedModule } from '../src/modules/module-cache.ts';
import { NodeFixture, chunksOf, desiredModule } from './node-fixture.ts';

const never = new AbortController().signal;

function moduleOf(name: string, sizeBytes = 100): WantedModule & { readonly bytes: Buffer } {
  const bytes = Buffer.alloc(sizeBytes, name);
  return { moduleId: name, digest: createHash('sha256').update(bytes).digest('hex'), sizeBytes, bytes };
}

/** Hands out whatever it was given, counting. */
function originOf(
  ...modules: readonly (WantedModule & { readonly bytes: Buffer })[]
): ModuleOrigin & { reads: number } {
  const origin = {
    reads: 0,
    read: async ({ digest }: WantedModule) => {
      origin.reads++;
      return {
        fromByte: 0,
        chunks: chunksOf(modules.find((module) => module.digest === digest)?.bytes ?? Buffer.alloc(0)),
      };
    },
  };
  return origin;
}

describe('ModuleCache', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-cache-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('pulls a module once and has it from then on, also after a restart', async () => {
    const a = moduleOf('a');
    const origin = originOf(a);
    const cache = await ModuleCache.open(folder, 1_000);
    const [path, same] = await Promise.all([cache.ensure(a, origin, never), cache.ensure(a, origin, never)]);
    expect(path).toBe(same);
    expect(await readFile(path)).toEqual(a.bytes);
    const again = await ModuleCache.open(folder, 1_000);
    expect(await again.ensure(a, origin, never)).toBe(path);
    expect(again.sizeBytes).toBe(100);
    expect(origin.reads).toBe(1);
  });

  it('refuses bytes of another digest and keeps nothing of them', async () => {
    const a = moduleOf('a');
    const cache = await ModuleCache.open(folder, 1_000);
    await expect(cache.ensure(a, originOf({ ...a, bytes: Buffer.alloc(100, 'b') }), never)).rejects.toMatchObject({
      code: 'HS_AGENT_DIGEST_MISMATCH',
    });
    expect(await readdir(folder)).toEqual([]);
    expect(cache.sizeBytes).toBe(0);
  });

  it('refuses more bytes than announced without writing them', async () => {
    const a = moduleOf('a');
    const cache = await ModuleCache.open(folder, 1_000);
    await expect(cache.ensure(a, originOf({ ...a, bytes: Buffer.alloc(101, 'a') }), never)).rejects.toMatchObject({
      code: 'HS_AGENT_DIGEST_MISMATCH',
    });
  });

  it('goes on by range where a read breaks off', async () => {
    const a = moduleOf('a', 90);
    const asked: number[] = [];
    const origin: ModuleOrigin = {
      read: async (_module, fromByte) => {
        asked.push(fromByte);
        const part = a.bytes.subarray(fromByte, fromByte + 40);
        return {
          fromByte,
          chunks: (async function* () {
            yield part;
            if (fromByte + 40 < 90) throw agentError('HS_AGENT_PULL_FAILED', { moduleId: 'a', why: 'cut' });
          })(),
        };
      },
    };
    const path = await (await ModuleCache.open(folder, 1_000)).ensure(a, origin, never);
    expect(asked).toEqual([0, 40, 80]);
    expect(await readFile(path)).toEqual(a.bytes);
  });

  it('starts over when the origin does not honour the range', async () => {
    const a = moduleOf('a', 90);
    let reads = 0;
    const origin: ModuleOrigin = {
      read: async () => ({
        fromByte: 0,
        chunks: (async function* () {
          yield a.bytes.subarray(0, 40);
          if (reads++ === 0) throw agentError('HS_AGENT_PULL_FAILED', { moduleId: 'a', why: 'cut' });
          yield a.bytes.subarray(40);
        })(),
      }),
    };
    expect(await readFile(await (await ModuleCache.open(folder, 1_000)).ensure(a, origin, never))).toEqual(a.bytes);
  });

  it('pulls a file again that has lost bytes', async () => {
    const a = moduleOf('a');
    const origin = originOf(a);
    const cache = await ModuleCache.open(folder, 1_000);
    const path = await cache.ensure(a, origin, never);
    await truncate(path, 10);
    expect(await readFile(await cache.ensure(a, origin, never))).toEqual(a.bytes);
    expect(origin.reads).toBe(2);
  });

  it('drops the least recently used module that is not pinned when room is needed', async () => {
    const [a, b, c, d] = [moduleOf('a'), moduleOf('b'), moduleOf('c'), moduleOf('d')];
    const origin = originOf(a, b, c, d);
    const cache = await ModuleCache.open(folder, 300);
    for (const module of [a, b, c]) await cache.ensure(module, origin, never);
    cache.pin(b.digest);
    await cache.ensure(a, origin, never);
    await cache.ensure(d, origin, never);
    expect([a, b, c, d].map(({ digest }) => cache.has(digest))).toEqual([true, true, false, true]);
    cache.pin(a.digest);
    cache.pin(d.digest);
    await expect(cache.ensure(c, origin, never)).rejects.toMatchObject({ code: 'HS_AGENT_CACHE_FULL' });
    cache.unpin(d.digest);
    await cache.ensure(c, origin, never);
    expect(cache.sizeBytes).toBe(300);
  });

  it('removes what interrupted pulls left behind', async () => {
    await writeFile(join(folder, `${'a'.repeat(64)}.1234.part`), 'half');
    await ModuleCache.open(folder, 1_000);
    expect(await readdir(folder)).toEqual([]);
  });

  it('ends a pull that nobody wants any more', async () => {
    const a = moduleOf('a');
    const cancelled = new AbortController();
    const origin: ModuleOrigin = {
      read: async (_module, _from, signal) => {
        cancelled.abort();
        signal.throwIfAborted();
        return { fromByte: 0, chunks: chunksOf() };
      },
    };
    const cache = await ModuleCache.open(folder, 1_000);
    await expect(cache.ensure(a, origin, cancelled.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('lets a node heal from a damaged file: it is deleted and pulled again when the runtime refuses it', async () => {
    await using node = await NodeFixture.create();
    const r1 = node.release('r1', 100);
    await node.apply(1, desiredModule('greeter', 1, r1));
    await node.reconciler.stop();
    const file = join(node.folder, 'modules', `${r1.digest}.wasm`);
    await writeFile(file, Buffer.alloc(r1.sizeBytes, 'x'));
    await using again = await NodeFixture.create({ folder: node.folder });
    again.release('r1', 100);
    await again.reconciler.restore();
    expect(again.runtime.slots.serving('greeter')).toEqual(['r1:100']);
    expect(again.pulls).toEqual(['r1-v1.0.0']);
  });
});
