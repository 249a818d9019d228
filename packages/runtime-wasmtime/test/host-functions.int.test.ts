import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostImports, LoadOptions, LoadedModule, ModuleInstance, WitValue } from '@hotswap/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, failureOf, testHost } from './test-host.ts';

const pluginFile = new URL('../../../examples/modules/rust/plugin-rust-1.0.0.wasm', import.meta.url);

/** What a plugin keeps things in, on the host's side. */
class Bucket implements Disposable {
  readonly items = new Map<string, Uint8Array>();
  readonly name: string;
  disposed = false;

  constructor(name: string) {
    this.name = name;
  }

  [Symbol.dispose](): void {
    this.disposed = true;
  }
}

interface Offered {
  readonly imports: HostImports;
  readonly logged: string[];
  readonly buckets: Bucket[];
}

const asBucket = (value: unknown): Bucket => value as Bucket;
const problem = (payload: unknown): Error => Object.assign(new Error('an error case'), { payload });

/** All that the plugin imports; `over` replaces some of it. */
function offered(over: Readonly<Record<string, (...args: WitValue[]) => WitValue | Promise<WitValue>>> = {}): Offered {
  const logged: string[] = [];
  const buckets: Bucket[] = [];
  const imports: HostImports = {
    'hotswap:plugin/host-api': {
      log: (message) => void logged.push(message as string),
      lookUp: (key) => {
        if (key === 'missing') throw problem(`no ${key}`);
        return `value of ${key as string}`;
      },
      revise: (note) => {
        const { title, stars } = note as { title: string; stars: number };
        if (stars > 5) throw problem({ ...(note as object), title: `too good: ${title}` });
        return { ...(note as Readonly<Record<string, WitValue>>), stars: stars + 1, dueDate: 2n ** 63n };
      },
      sum: (numbers) => [...(numbers as Float64Array)].reduce((sum, each) => sum + each, 0),
      reverse: (bytes) => (bytes as Uint8Array).toReversed(),
      next: (after) => (after === undefined ? 0 : (after as number) > 9 ? undefined : (after as number) + 1),
      turn: (shape) => shape,
      'count-up': (big) => BigInt.asUintN(64, (big as bigint) + 1n),
      '[constructor]bucket': (name) => {
        const bucket = new Bucket(name as string);
        buckets.push(bucket);
        return bucket as unknown as WitValue;
      },
      '[method]bucket.put': (bucket, key, value) => void asBucket(bucket).items.set(key as string, value as Uint8Array),
      '[method]bucket.get': (bucket, key) => asBucket(bucket).items.get(key as string),
      '[method]bucket.size': (bucket) => asBucket(bucket).items.size,
      merge: (a, b) => {
        const merged = new Bucket('merged');
        for (const from of [asBucket(a), asBucket(b)])
          for (const [key, value] of from.items) merged.items.set(key, value);
        buckets.push(merged);
        return merged as unknown as WitValue;
      },
      ...over,
    },
    $root: { hostName: () => 'the host' },
  };
  return { imports, logged, buckets };
}

/** The same functions, each answering through a promise. */
function promised(imports: HostImports): HostImports {
  return Object.fromEntries(
    Object.entries(imports).map(([from, functions]) => [
      from,
      Object.fromEntries(
        Object.entries(functions).map(([name, fn]) => [
          name,
          async (...args: WitValue[]): Promise<WitValue> => {
            await sleep(1);
            return fn(...args);
          },
        ]),
      ),
    ]),
  );
}

describe('host functions', () => {
  let test: TestHost;
  let bytes: Uint8Array;
  beforeAll(async () => {
    test = await testHost({ syncTimeoutMs: 1_000 });
    bytes = await readFile(pluginFile);
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });

  const plugin = (imports: HostImports, options: LoadOptions = {}): Promise<LoadedModule> =>
    test.host.load({ bytes }, { ...options, imports });
  const short: LoadOptions = { limits: { maxExecutionTime: 'PT0.3S' } };

  describe.each([
    ['that answer at once', (imports: HostImports) => imports],
    ['that answer through promises', promised],
  ])('%s', (_, way) => {
    let module: LoadedModule;
    const { imports, logged } = offered();
    beforeAll(async () => {
      module = await plugin(way(imports));
    });
    afterAll(async () => {
      await module[Symbol.asyncDispose]();
    });
    const call = async (name: string, ...args: WitValue[]): Promise<WitValue> =>
      (await module.invoke(name, args)).value;

    it('take and give every kind of value', async () => {
      expect(await call('look-up', 'a')).toBe('value of a');
      expect(logged).toContain('looking up a');
      expect(await call('sum', Float64Array.of(0.5, 1, 2))).toBe(3.5);
      expect(await call('reverse', Uint8Array.of(1, 2, 3))).toEqual(Uint8Array.of(3, 2, 1));
      expect(await call('next', undefined)).toBe(0);
      expect(await call('next', 3)).toBe(4);
      expect(await call('next', 10)).toBeUndefined();
      expect(await call('turn', { tag: 'label', val: 'x' })).toEqual({ tag: 'label', val: 'x' });
      expect(await call('turn', { tag: 'nothing' })).toEqual({ tag: 'nothing' });
      expect(await call('count-up', 2n ** 64n - 1n)).toBe(0n);
      expect(await call('host-name')).toBe('the host');
      expect(await call('revise', { title: 't', stars: 1, tags: ['x', 'y'], dueDate: undefined })).toEqual({
        title: 't',
        stars: 2,
        tags: ['x', 'y'],
        dueDate: 2n ** 63n,
      });
    });

    it('answer with the error case by throwing something with a payload', async () => {
      expect(await failureOf(call('look-up', 'missing'))).toMatchObject({
        code: 'HS_RUNTIME_GUEST_ERROR',
        details: { payload: 'no missing' },
      });
      expect(await call('look-up-many', ['a', 'missing'])).toEqual(['value of a', '!no missing']);
      expect(await failureOf(call('revise', { title: 't', stars: 6, tags: [], dueDate: 1n }))).toMatchObject({
        cause: { title: 'too good: t', stars: 6, tags: [], dueDate: 1n },
      });
    });

    it('take and give large lists, and compound values next to them', async () => {
      expect(await call('sum', new Float64Array(65_536).fill(0.5))).toBe(32_768);
      const bytes = Uint8Array.from({ length: 524_288 }, (_, at) => at & 255);
      expect(await call('reverse', bytes)).toEqual(bytes.toReversed());
      const tags = Array.from({ length: 10_000 }, (_, at) => `tag ${at} é`);
      const revised = await call('revise', { title: 'é'.repeat(40_000), stars: 1, tags, dueDate: undefined });
      expect(revised).toEqual({ title: 'é'.repeat(40_000), stars: 2, tags, dueDate: 2n ** 63n });
    });

    it('give back what they got, whatever it is', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.double()), fc.uint8Array(), fc.string({ unit: 'binary' }), async (...values) => {
          const [numbers, list, text] = values;
          expect(await call('reverse', list)).toEqual(list.toReversed());
          expect(await call('turn', { tag: 'label', val: text })).toEqual({ tag: 'label', val: text });
          expect(await call('sum', Float64Array.from(numbers))).toBe(numbers.reduce((sum, each) => sum + each, 0));
        }),
        { numRuns: 40 },
      );
    });

    it('hand out objects, which come back and are disposed of when the guest drops them', async () => {
      expect(await call('fill', 'shelf', 20)).toBe(20);
      expect(await call('merged')).toBe(2);
    });
  });

  it('dispose of the objects that a guest dropped, and of those it held when it ended', async () => {
    const { imports, buckets } = offered();
    await using module = await plugin(imports);
    await module.invoke('fill', ['shelf', 3]);
    // The guest's answer may be here before the news of what it dropped.
    await expect.poll(() => buckets.map(({ name, disposed }) => [name, disposed])).toEqual([['shelf', true]]);
    const instance = await module.open();
    await instance.invoke('keep', ['kept']);
    expect((await instance.invoke('kept', ['name'])).value).toEqual(new TextEncoder().encode('kept'));
    expect((await instance.invoke('kept', ['other'])).value).toBeUndefined();
    expect(buckets[1]).toMatchObject({ name: 'kept', disposed: false });
    await instance[Symbol.asyncDispose]();
    await expect.poll(() => buckets[1]?.disposed).toBe(true);
    await module.invoke('merged', []);
    // The second was given away: it is the host's again and not disposed of.
    await expect
      .poll(() => buckets.slice(2).map(({ name, disposed }) => [name, disposed]))
      .toEqual([
        ['first', true],
        ['second', false],
        ['merged', true],
      ]);
  });

  it('answer synchronous calls on the same thread', async () => {
    const { imports, buckets } = offered();
    await using module = await plugin(imports);
    expect(module.invokeSync?.('look-up', ['a'])).toBe('value of a');
    expect(module.invokeSync?.('look-up-many', [['a', 'missing']])).toEqual(['value of a', '!no missing']);
    expect(module.invokeSync?.('fill', ['here', 100])).toBe(100);
    expect(module.invokeSync?.('reverse', [new Uint8Array(200_000).fill(7)])).toEqual(new Uint8Array(200_000).fill(7));
    await expect.poll(() => buckets[0]?.disposed).toBe(true);
  });

  it('refuse a synchronous call when they return a promise', async () => {
    await using module = await plugin(promised(offered().imports));
    expect(() => module.invokeSync?.('look-up', ['a'])).toThrow(
      expect.objectContaining({ code: 'HS_RUNTIME_NOT_SYNCHRONOUS' }),
    );
    expect((await module.invoke('look-up', ['a'])).value).toBe('value of a');
  });

  it('make the call trap with their message when they throw anything else', async () => {
    const { imports } = offered({
      lookUp: () => {
        throw new RangeError('the shelf is empty');
      },
      sum: () => {
        throw problem('sums have no error case');
      },
      next: () => 'no number',
    });
    await using module = await plugin(imports);
    for (const [name, args, message] of [
      ['look-up', ['a'], /hotswap:plugin\/host-api@1\.2\.0#look-up failed: the shelf is empty/],
      ['sum', [[1]], /#sum failed/],
      ['next', [1], /#next answered wrongly: result: expected/],
    ] as const) {
      const failure = await failureOf(module.invoke(name, args));
      expect(failure).toMatchObject({ code: 'HS_RUNTIME_TRAP', details: { trap: 'host' } });
      expect(failure.details['reason']).toMatch(message);
      expect(() => module.invokeSync?.(name, args as readonly WitValue[])).toThrow(
        expect.objectContaining({ code: 'HS_RUNTIME_TRAP' }),
      );
    }
    expect((await module.invoke('host-name', [])).value).toBe('the host');
  });

  it('leave other guests running while one waits', async () => {
    let release = (): void => undefined;
    const waiting = new Promise<void>((resolve) => (release = resolve));
    await using module = await plugin(
      offered({
        lookUp: async (key) => {
          if (key === 'slow') await waiting;
          return key;
        },
      }).imports,
    );
    const slow = module.invoke('look-up', ['slow']);
    const quick = await Promise.all(Array.from({ length: 100 }, (_, at) => module.invoke('look-up', [`${at}`])));
    expect(quick.map(({ value }) => value)).toEqual(quick.map((_, at) => `${at}`));
    release();
    expect((await slow).value).toBe('slow');
  });

  it('are waited for within the time limit, and until the call is cancelled', async () => {
    await using module = await plugin(offered({ lookUp: () => new Promise(() => undefined) }).imports, short);
    expect((await failureOf(module.invoke('look-up', ['a']))).code).toBe('HS_RUNTIME_TIMEOUT');
    const controller = new AbortController();
    const cancelled = failureOf(module.invoke('look-up', ['a'], { signal: controller.signal }));
    await sleep(20);
    controller.abort();
    expect((await cancelled).code).toBe('HS_RUNTIME_CANCELLED');
    expect((await module.invoke('host-name', [])).value).toBe('the host');
  });

  it('are cut off by a drain, and gone with their module', async () => {
    const module = await plugin(offered({ lookUp: () => new Promise(() => undefined) }).imports);
    const slots = test.host.createSlotTable();
    const waiting = failureOf(module.invoke('look-up', ['a']));
    await sleep(20);
    expect(await slots.drain(module, 50)).toMatchObject({ cut: 1 });
    expect(await waiting).toMatchObject({ code: 'HS_RUNTIME_CANCELLED', details: { by: 'drain' } });
    await module[Symbol.asyncDispose]();
    expect((await failureOf(module.invoke('host-name', []))).code).toBe('HS_RUNTIME_CLOSED');
  });

  it('may call modules themselves, this one too', async () => {
    let module: LoadedModule | undefined = undefined as LoadedModule | undefined;
    module = await plugin(
      offered({
        lookUp: async (key) =>
          key === 'nested' ? ((await module?.invoke('look-up', ['deep']))?.value ?? '') : `got ${key as string}`,
      }).imports,
    );
    expect((await module.invoke('look-up', ['nested'])).value).toBe('got deep');
    await module[Symbol.asyncDispose]();
  });

  it('serve instances that are used again', async () => {
    const { imports } = offered();
    const reuse = { maxInstances: 2, maxCalls: 1_000, maxIdleTime: 'PT1M' as never };
    await using module = await plugin(imports, { runtime: { reuse } });
    const answers = await Promise.all(Array.from({ length: 50 }, (_, at) => module.invoke('look-up', [`${at}`])));
    expect(answers.map(({ value }) => value)).toEqual(answers.map((_, at) => `value of ${at}`));
    expect(() => module.invokeSync?.('host-name', [])).toThrow(
      expect.objectContaining({ code: 'HS_RUNTIME_NOT_SYNCHRONOUS' }),
    );
  });

  it('find objects of the host that were arguments of a call: lent, given away and given back', async () => {
    const { imports } = offered();
    await using module = await plugin(imports);
    const [first, second, third] = ['first', 'second', 'third'].map((name) => new Bucket(name)) as [
      Bucket,
      Bucket,
      Bucket,
    ];
    first.items.set('a', Uint8Array.of(1));
    const pass = (bucket: unknown): WitValue => bucket as WitValue;
    {
      await using instance = await module.open();
      const invoke = async (name: string, ...args: WitValue[]): Promise<unknown> =>
        (await instance.invoke(name, args)).value;
      expect(await invoke('size-of', pass(first))).toBe(1);
      expect(await invoke('size-of', pass(second))).toBe(0);
      expect(await invoke('exchange', pass([first, second]))).toEqual([]);
      expect((await invoke('exchange', pass([third]))) as unknown[]).toEqual([first, second]);
      expect(await invoke('size-of', pass(first))).toBe(1);
      for (const wrong of [7, null, 'a bucket'])
        expect(await failureOf(instance.invoke('size-of', [wrong as unknown as WitValue]))).toMatchObject({
          code: 'HS_RUNTIME_INVALID_ARGUMENT',
          details: { path: 'bucket' },
        });
      expect([first, second, third].map(({ disposed }) => disposed)).toEqual([false, false, false]);
    }
    // What the guest still had goes with it.
    expect([first, second, third].map(({ disposed }) => disposed)).toEqual([false, false, true]);
  });

  it('leave objects with the caller whose call never reaches its guest', async () => {
    await using module = await plugin(offered().imports);
    const [first, second] = [new Bucket('first'), new Bucket('second')];
    const pass = (...buckets: unknown[]): WitValue[] => [buckets as unknown as WitValue];
    {
      await using instance = await module.open();
      const codeOf = async (args: WitValue[], signal?: AbortSignal): Promise<string> =>
        (await failureOf(instance.invoke('exchange', args, signal && { signal }))).code;
      expect(await codeOf(pass(first, 'no object'))).toBe('HS_RUNTIME_INVALID_ARGUMENT');
      expect(await codeOf(pass(first), AbortSignal.abort())).toBe('HS_RUNTIME_CANCELLED');
      expect(await codeOf([...pass(first), 1])).toBe('HS_RUNTIME_INVALID_ARGUMENT');
      expect(await codeOf([7])).toBe('HS_RUNTIME_INVALID_ARGUMENT');
      expect((await instance.invoke('exchange', pass(second))).value).toEqual([]);
    }
    expect([first, second].map(({ disposed }) => disposed)).toEqual([false, true]);
  });

  it('keep an open instance in order, and are not called on it synchronously', async () => {
    await using module = await plugin(promised(offered().imports));
    await using instance: ModuleInstance = await module.open();
    const [first, second] = await Promise.all([instance.invoke('look-up', ['1']), instance.invoke('look-up', ['2'])]);
    expect([first.value, second.value]).toEqual(['value of 1', 'value of 2']);
    expect(() => instance.invokeSync?.('host-name', [])).toThrow(
      expect.objectContaining({ code: 'HS_RUNTIME_NOT_SYNCHRONOUS' }),
    );
  });

  it.each<[string, () => unknown]>([
    ['something without a text', () => Object.create(null)],
    ['an error whose message is none', () => Object.assign(new Error(), { message: { not: 'a text' } })],
    [
      'an error that cannot be read',
      () =>
        Object.defineProperty(new Error(), 'message', {
          get: () => {
            throw new Error('unreadable');
          },
        }),
    ],
  ])('make the call trap when they throw %s', async (_what, thrown) => {
    const later = offered({ lookUp: () => Promise.reject(thrown()) });
    const now = offered({
      lookUp: () => {
        throw thrown();
      },
    });
    for (const { imports } of [later, now]) {
      await using module = await plugin(imports);
      expect((await failureOf(module.invoke('look-up', ['a']))).code).toBe('HS_RUNTIME_TRAP');
    }
  });

  it('end an open instance, and what it gave out, when they fail', async () => {
    const { imports, buckets } = offered({
      lookUp: () => {
        throw new Error('broken');
      },
    });
    await using module = await plugin(imports);
    await using instance = await module.open();
    await instance.invoke('keep', ['kept']);
    expect((await failureOf(instance.invoke('look-up', ['a']))).code).toBe('HS_RUNTIME_TRAP');
    expect((await failureOf(instance.invoke('kept', ['name']))).code).toBe('HS_RUNTIME_STALE_HANDLE');
    await expect.poll(() => buckets.map(({ disposed }) => disposed)).toEqual([true]);
  });

  it('must all be there: the error names what is missing with the signature it should have', async () => {
    const { imports } = offered();
    const { lookUp: _, ...rest } = imports['hotswap:plugin/host-api'] as Record<string, never>;
    const failure = await failureOf(plugin({ ...imports, 'hotswap:plugin/host-api': rest }));
    expect(failure).toMatchObject({
      code: 'HS_RUNTIME_LINK_FAILED',
      details: {
        imports: ['hotswap:plugin/host-api@1.2.0#look-up: (key: string) -> result<string, string>'],
      },
    });
    expect((await failureOf(test.host.load({ bytes }))).code).toBe('HS_RUNTIME_LINK_FAILED');
    expect((await failureOf(plugin({ $root: { hostName: 1 as never } }))).code).toBe('HS_RUNTIME_INVALID_ARGUMENT');
  });

  it('survive a guest that calls them very often', async () => {
    let calls = 0;
    await using module = await plugin(offered({ lookUp: (key) => ((calls += 1), key) }).imports);
    expect(typeof module.invokeSync?.('spin', [20_000])).toBe('number');
    expect(calls).toBe(20_000);
    await module.invoke('spin', [2_000]);
    expect(calls).toBe(22_000);
  });

  it('hold the limits of a synchronous call too', async () => {
    await using host = await testHost({ syncTimeoutMs: 100 });
    await using module = await host.host.load({ bytes }, { imports: offered().imports });
    expect(() => module.invokeSync?.('spin', [4_000_000_000])).toThrow(
      expect.objectContaining({ code: 'HS_RUNTIME_TIMEOUT' }),
    );
  });
});

describe('host functions of core modules', () => {
  // (module (import "math" "mul" (func (param i32 i64 f64) (result f64))) (export "run" (func 0)))
  const bytes = Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 8, 1, 0x60, 3, 0x7f, 0x7e, 0x7c, 1, 0x7c],
    ...[2, 12, 1, 4, ...Buffer.from('math'), 3, ...Buffer.from('mul'), 0, 0],
    ...[7, 7, 1, 3, ...Buffer.from('run'), 0, 0],
  );

  it('take and give numbers', async () => {
    await using test = await testHost();
    const mul = (a: WitValue, b: WitValue, c: WitValue): number => (a as number) * Number(b) * (c as number);
    await using module = await test.host.load({ bytes }, { imports: { math: { mul: mul } } });
    expect((await module.invoke('run', [2, 3n, 0.5])).value).toBe(3);
    expect(module.invokeSync?.('run', [2, 3n, 0.5])).toBe(3);
    const failure = await failureOf(test.host.load({ bytes }, { imports: { math: {} } }));
    expect(failure.code).toBe('HS_RUNTIME_LINK_FAILED');
    expect(failure.details['imports']).toEqual(['math::mul: (i32, i64, f64) -> f64']);
  });

  // (module (import "m" "f" (func (param i32) (result i32))) (import "m" "f" (func ...)) (export "a" (func 0)) (export "b" (func 1)))
  const twice = (second: 0 | 1): Uint8Array<ArrayBuffer> => {
    const f = [1, ...Buffer.from('m'), 1, ...Buffer.from('f'), 0];
    return Uint8Array.of(
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...[1, 11, 2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 1, 0x7e, 1, 0x7f],
      ...[2, 13, 2, ...f, 0, ...f, second],
      ...[7, 9, 2, 1, ...Buffer.from('a'), 0, 0, 1, ...Buffer.from('b'), 0, 1],
    );
  };

  it('may be imported again, but not as something else', async () => {
    await using test = await testHost();
    const imports = { m: { f: (n: WitValue): number => (n as number) + 1 } };
    await using module = await test.host.load({ bytes: twice(0) }, { imports });
    expect([module.invokeSync?.('a', [1]), (await module.invoke('b', [2])).value]).toEqual([2, 3]);
    const failure = await failureOf(test.host.load({ bytes: twice(1) }, { imports }));
    expect(failure.code).toBe('HS_RUNTIME_LINK_FAILED');
    expect(failure.details['imports']).toEqual(['m::f: (i64) -> i32 besides (i32) -> i32']);
  });
});
