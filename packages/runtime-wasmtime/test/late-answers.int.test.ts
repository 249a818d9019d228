import { readFile } from 'node:fs/promises';
import type { HostImports, LoadOptions, LoadedModule, WitValue } from '@hotswap/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, failureOf, testHost } from './test-host.ts';

const pluginFile = new URL('../../../examples/modules/rust/plugin-rust-1.0.0.wasm', import.meta.url);
const unused = (): WitValue => undefined;

class Bucket implements Disposable {
  disposed = 0;

  [Symbol.dispose](): void {
    this.disposed++;
  }
}

/** A plugin whose buckets are made when the test says so, and what it is given then. */
class Shop {
  readonly asked: (() => Bucket)[] = [];
  readonly imports: HostImports = {
    'hotswap:plugin/host-api': {
      ...Object.fromEntries(
        ['log', 'lookUp', 'revise', 'sum', 'reverse', 'next', 'turn', 'count-up', 'merge'].map((name) => [
          name,
          unused,
        ]),
      ),
      '[constructor]bucket': () =>
        new Promise((resolve) => {
          this.asked.push(() => {
            const bucket = new Bucket();
            resolve(bucket as unknown as WitValue);
            return bucket;
          });
        }),
      '[method]bucket.put': unused,
      '[method]bucket.get': unused,
      '[method]bucket.size': () => 0,
    },
    $root: { hostName: () => 'the host' },
  };

  /** Answers the one that was asked for. */
  async answer(): Promise<Bucket> {
    await expect.poll(() => this.asked.length).toBe(1);
    return (this.asked[0] as () => Bucket)();
  }
}

describe('an object in an answer that nobody takes is disposed of', () => {
  let test: TestHost;
  let bytes: Uint8Array;
  beforeAll(async () => {
    test = await testHost();
    bytes = await readFile(pluginFile);
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });
  const load = ({ imports }: Shop, options: LoadOptions = {}): Promise<LoadedModule> =>
    test.host.load({ bytes }, { ...options, imports });
  const isDisposedOnce = async (bucket: Bucket): Promise<void> => {
    await expect.poll(() => bucket.disposed).toBe(1);
  };

  it('when its caller has run out of time', async () => {
    const shop = new Shop();
    await using module = await load(shop, { limits: { maxExecutionTime: 'PT0.3S' } });
    expect((await failureOf(module.invoke('fill', ['shelf', 1]))).code).toBe('HS_RUNTIME_TIMEOUT');
    await isDisposedOnce(await shop.answer());
    expect((await module.invoke('host-name', [])).value).toBe('the host');
  });

  it('when its caller has gone, however many have', async () => {
    const shop = new Shop();
    await using module = await load(shop);
    const callers = Array.from({ length: 600 }, () => new AbortController());
    const calls = callers.map(({ signal }) => failureOf(module.invoke('fill', ['shelf', 1], { signal })));
    await expect.poll(() => shop.asked.length).toBe(callers.length);
    for (const caller of callers) caller.abort();
    expect(new Set((await Promise.all(calls)).map(({ code }) => code))).toEqual(new Set(['HS_RUNTIME_CANCELLED']));
    const buckets = shop.asked.map((answer) => answer());
    await expect.poll(() => buckets.filter(({ disposed }) => disposed === 1).length).toBe(callers.length);
  });

  it('when its caller goes while the answer is on its way', async () => {
    const shop = new Shop();
    await using module = await load(shop);
    const callers = Array.from({ length: 200 }, () => new AbortController());
    const calls = callers.map(({ signal }) => module.invoke('fill', ['shelf', 1], { signal }).catch(() => undefined));
    await expect.poll(() => shop.asked.length).toBe(callers.length);
    const buckets = shop.asked.map((answer) => answer());
    // The promises are settled, so the answers are given before this goes on.
    await Promise.resolve().then(() => undefined);
    for (const caller of callers) caller.abort();
    await Promise.all(calls);
    // Whoever was answered in time has dropped its bucket at its end.
    await expect.poll(() => buckets.filter(({ disposed }) => disposed === 1).length).toBe(callers.length);
  });

  it('when its instance was closed', async () => {
    const shop = new Shop();
    await using module = await load(shop);
    const instance = await module.open();
    const call = failureOf(instance.invoke('keep', ['kept']));
    await expect.poll(() => shop.asked.length).toBe(1);
    await instance[Symbol.asyncDispose]();
    await call;
    await isDisposedOnce(await shop.answer());
  });

  it('when its module was closed', async () => {
    const shop = new Shop();
    const module = await load(shop);
    const caller = new AbortController();
    const call = failureOf(module.invoke('fill', ['shelf', 1], { signal: caller.signal }));
    await expect.poll(() => shop.asked.length).toBe(1);
    caller.abort();
    await call;
    await module[Symbol.asyncDispose]();
    await isDisposedOnce(await shop.answer());
  });

  it('as are objects of instances that are closed with their module', async () => {
    const shop = new Shop();
    const module = await load(shop);
    const instance = await module.open();
    const call = instance.invoke('keep', ['kept']);
    const bucket = await shop.answer();
    await call;
    await module[Symbol.asyncDispose]();
    await isDisposedOnce(bucket);
  });
});
