import type { LoadedModule } from '@hotswap/core';
import { errorFactory, isHotSwapError } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { anyModule, fakeHost, pidOf } from './fake-host.ts';

const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });
const invoke = async (module: LoadedModule, name: string, timeoutMs?: number): Promise<unknown> =>
  (await module.invoke(name, [], timeoutMs === undefined ? {} : { timeoutMs })).value;

describe('starting', () => {
  it('reports the name and version of the engine', async () => {
    await using host = await fakeHost();
    expect([host.name, host.version, host.capabilities.components]).toEqual(['fake', '1.2.3', false]);
  });

  it.each([
    ['foreign', 'protocol 4, not 3: the program is newer than the package'],
    ['old', 'protocol 2, not 3: the program is older than the package: build it anew'],
    ['silent', 'exit code 4'],
  ])('refuses a child that is %s', async (mode, why) => {
    await expect(fakeHost({}, mode)).rejects.toThrow(why);
    await expect(fakeHost({}, mode)).rejects.toEqual(code('HS_RUNTIME_CHILD_FAILED'));
  });

  it('says so when the program cannot be started', async () => {
    await expect(fakeHost({}, 'well', { command: ['/nowhere/engine'] })).rejects.toThrow('ENOENT');
  });

  it("makes the engine's own error of its refusal", async () => {
    const own = errorFactory({ HS_FAKE: { message: 'tried {tried}', httpStatus: 500 } });
    const ownError = ({ details }: { readonly details: Parameters<typeof own>[1] }) => own('HS_FAKE', details);
    await expect(fakeHost({}, 'refusing', { ownError })).rejects.toThrow('tried ["here"]');
    await expect(fakeHost({}, 'refusing')).rejects.toEqual(code('HS_RUNTIME_INTERNAL'));
  });

  it('refuses options that it does not know or that are out of bounds', async () => {
    await expect(fakeHost({ processes: 0 })).rejects.toThrow('processes');
    await expect(fakeHost({ proceses: 1 } as object)).rejects.toEqual(code('HS_RUNTIME_CHILD_INVALID_OPTIONS'));
  });
});

describe('a call that does not end', () => {
  it('is ended with its child and no other, and its module goes on in a fresh one', async () => {
    await using host = await fakeHost({ processes: 2 });
    const module = await anyModule(host);
    const other = await anyModule(host);
    const hanging = expect(invoke(module, 'hang', 300)).rejects.toEqual(code('HS_RUNTIME_TIMEOUT'));
    const neighbour = await pidOf(other);
    await hanging;
    expect(await pidOf(other)).toBe(neighbour);
    // Both children are asked at once: one of them is new, and had to load the module first.
    const pids = new Set(await Promise.all([pidOf(module), pidOf(module)]));
    expect(pids.size).toBe(2);
    expect(pids).toContain(neighbour);
  });

  it('is ended by its caller', async () => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    const caller = new AbortController();
    const call = module.invoke('hang', [], { signal: caller.signal });
    caller.abort();
    await expect(call).rejects.toEqual(code('HS_RUNTIME_CANCELLED'));
    expect(await invoke(module, 'loaded')).toBe(1);
  });

  it('leaves the queue when its time is over before its turn', async () => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    const first = expect(invoke(module, 'hang', 400)).rejects.toEqual(code('HS_RUNTIME_TIMEOUT'));
    await expect(invoke(module, 'pid', 100)).rejects.toEqual(code('HS_RUNTIME_TIMEOUT'));
    await first;
    expect(await invoke(module, 'loaded')).toBe(1);
  });

  it('is cut by a drain at its deadline, and counted', async () => {
    await using host = await fakeHost();
    const module = await anyModule(host);
    const call = expect(invoke(module, 'hang')).rejects.toEqual(code('HS_RUNTIME_CANCELLED'));
    expect(await host.createSlotTable().drain(module, 50)).toEqual({ finished: 0, cut: 1 });
    await call;
  });

  it('ends when the host is closed', async () => {
    const host = await fakeHost();
    const module = await anyModule(host);
    const call = expect(invoke(module, 'hang')).rejects.toEqual(code('HS_RUNTIME_CANCELLED'));
    await host[Symbol.asyncDispose]();
    await call;
    await expect(invoke(module, 'pid')).rejects.toEqual(code('HS_RUNTIME_CLOSED'));
  });
});

describe('a child that crashes', () => {
  it.each([
    ['crash', 'HS_RUNTIME_CRASHED'],
    ['garbage', 'HS_RUNTIME_CHILD_PROTOCOL_BROKEN'],
    ['nothing', 'HS_RUNTIME_CHILD_PROTOCOL_BROKEN'],
    ['shapeless', 'HS_RUNTIME_CHILD_PROTOCOL_BROKEN'],
  ])('fails the call that it served by %s, and the next call gets a fresh child', async (how, wanted) => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    const before = await pidOf(module);
    await expect(invoke(module, how)).rejects.toEqual(code(wanted));
    const after = await pidOf(module);
    expect(after).not.toBe(before);
    expect(module.stats()).toMatchObject({ calls: 3, errors: 1, crashes: 1, inFlight: 0 });
  });

  it('takes its open instance with it and nothing else', async () => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    const shared = await pidOf(module);
    const instance = await module.open();
    expect((await instance.invoke('opened', [])).value).toBe(1);
    expect((await instance.invoke('opened', [])).value).toBe(2);
    await expect(instance.invoke('crash', [])).rejects.toEqual(code('HS_RUNTIME_CRASHED'));
    await expect(instance.invoke('opened', [])).rejects.toEqual(code('HS_RUNTIME_STALE_HANDLE'));
    expect(await pidOf(module)).toBe(shared);
  });
});

describe('an open instance that is closed', () => {
  it.each(['instance', 'module', 'host'] as const)('with its %s ends its calls, which is no crash', async (what) => {
    await using host = await fakeHost();
    const module = await anyModule(host);
    const instance = await module.open();
    const calls = [
      expect(instance.invoke('hang', [])).rejects.toEqual(code('HS_RUNTIME_CANCELLED')),
      expect(instance.invoke('opened', [])).rejects.toEqual(code('HS_RUNTIME_STALE_HANDLE')),
    ];
    // The first one is under way.
    await new Promise((resolve) => setImmediate(resolve));
    if (what === 'host') await host[Symbol.asyncDispose]();
    else if (what === 'module') await module[Symbol.asyncDispose]();
    else {
      await instance[Symbol.asyncDispose]();
      await Promise.all(calls);
      expect(module.stats()).toMatchObject({ calls: 2, errors: 2, crashes: 0, inFlight: 0 });
    }
    await Promise.all(calls);
  });
});

describe('loading', () => {
  it('refuses what the engine refuses, and forgets it', async () => {
    await using host = await fakeHost({ processes: 1 });
    await expect(anyModule(host, 0)).rejects.toEqual(code('HS_RUNTIME_INVALID_MODULE'));
    expect(await invoke(await anyModule(host), 'loaded')).toBe(1);
  });

  it('is ended when compiling takes too long', async () => {
    await using host = await fakeHost({ processes: 1, loadTimeoutMs: 300 });
    await expect(anyModule(host, 9)).rejects.toEqual(code('HS_RUNTIME_COMPILE_LIMIT'));
    expect(await invoke(await anyModule(host), 'loaded')).toBe(1);
  });

  it('of what is too large, of another digest or unreadable is refused before a child sees it', async () => {
    await using host = await fakeHost({ maxModuleBytes: 3 });
    await expect(anyModule(host)).rejects.toEqual(code('HS_RUNTIME_MODULE_TOO_LARGE'));
    const digest = '0'.repeat(64);
    await expect(host.load({ bytes: new Uint8Array(2), digest })).rejects.toEqual(code('HS_RUNTIME_DIGEST_MISMATCH'));
    const missing = host.load({ path: '/nowhere/module.wasm', digest });
    await expect(missing).rejects.toEqual(code('HS_RUNTIME_IO_FAILED'));
    await expect(missing).rejects.not.toThrow('nowhere');
  });

  it.each([
    ['fuel', { runtime: { fuel: 1 } }],
    ['state', { runtime: { stateful: true } }],
    ['functions', { imports: { env: { f: () => undefined } } }],
  ])('with %s that the engine has not is refused', async (feature, options) => {
    await using host = await fakeHost();
    const load = host.load({ bytes: new Uint8Array([1]) }, options);
    await expect(load).rejects.toEqual(code('HS_RUNTIME_UNSUPPORTED'));
    await expect(load).rejects.toThrow(feature);
  });

  it('takes the bytes that were verified, in every child, whatever becomes of the memory that they were in', async () => {
    await using host = await fakeHost({ processes: 1 });
    const bytes = Buffer.from([1, 2, 3, 4]);
    const loading = host.load({ bytes });
    bytes[1] = 66;
    const module = await loading;
    expect(await invoke(module, 'code')).toBe(2);
    await expect(invoke(module, 'crash')).rejects.toEqual(code('HS_RUNTIME_CRASHED'));
    bytes[1] = 67;
    expect(await invoke(module, 'code')).toBe(2);
  });

  it('is undone in every child when the module is disposed of', async () => {
    await using host = await fakeHost({ processes: 2 });
    const [kept, dropped] = [await anyModule(host), await anyModule(host)];
    await Promise.all([pidOf(dropped), pidOf(dropped), pidOf(kept), pidOf(kept)]);
    await dropped[Symbol.asyncDispose]();
    expect(await Promise.all([invoke(kept, 'loaded'), invoke(kept, 'loaded')])).toEqual([1, 1]);
  });
});

describe('unloading', () => {
  it.each([
    ['never ends', 77],
    ['ends the child', 78],
  ])('that %s costs that child, and what else it held goes on in a fresh one', async (_, fault) => {
    await using host = await fakeHost({ processes: 1, unloadTimeoutMs: 200 });
    const kept = await host.load({ bytes: new Uint8Array([1, 5]) });
    const dropped = await host.load({ bytes: new Uint8Array([1, fault]) });
    const before = await pidOf(kept);
    await dropped[Symbol.asyncDispose]();
    expect(await Promise.all([invoke(kept, 'loaded'), invoke(kept, 'code')])).toEqual([1, 5]);
    expect(await pidOf(kept)).not.toBe(before);
    expect(kept.stats()).toMatchObject({ errors: 0, crashes: 0 });
  });

  it('that never ends does not keep the host from closing', async () => {
    const host = await fakeHost({ processes: 1, unloadTimeoutMs: 600_000 });
    await (await host.load({ bytes: new Uint8Array([1, 77]) }))[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
  });
});

describe('limits', () => {
  it('refuses calls beyond what may wait', async () => {
    await using host = await fakeHost({ processes: 1, maxPendingCallsPerModule: 2 });
    const module = await anyModule(host);
    const waiting = [invoke(module, 'hang', 200), invoke(module, 'hang', 200)].map((call) =>
      call.catch((error: unknown) => isHotSwapError(error, 'HS_RUNTIME_TIMEOUT')),
    );
    await expect(invoke(module, 'pid')).rejects.toEqual(code('HS_RUNTIME_QUEUE_FULL'));
    expect(await Promise.all(waiting)).toEqual([true, true]);
  });

  it('refuses calls of an open instance beyond what may wait for its turn', async () => {
    await using host = await fakeHost({ maxPendingCallsPerModule: 2_000 });
    const module = await anyModule(host);
    await using instance = await module.open();
    const running = expect(instance.invoke('hang', [], { timeoutMs: 500 })).rejects.toEqual(code('HS_RUNTIME_TIMEOUT'));
    const waiting = Array.from({ length: 999 }, () =>
      expect(instance.invoke('opened', [])).rejects.toEqual(code('HS_RUNTIME_STALE_HANDLE')),
    );
    await expect(instance.invoke('opened', [])).rejects.toMatchObject({
      code: 'HS_RUNTIME_QUEUE_FULL',
      details: { scope: 'instance', limit: 1_000 },
    });
    await Promise.all([running, ...waiting]);
    expect(module.stats().inFlight).toBe(0);
  });

  it.each([
    ['module', { maxPendingCallsPerModule: 2 }],
    ['host', { maxPendingCalls: 2 }],
  ])('counts calls of open instances among those of their %s', async (scope, options) => {
    await using host = await fakeHost(options);
    const module = await anyModule(host);
    await using instance = await module.open();
    const waiting = ['hang', 'opened'].map((name) => instance.invoke(name, []).catch((error: unknown) => error));
    const full = { code: 'HS_RUNTIME_QUEUE_FULL', details: { scope, limit: 2 } };
    await expect(instance.invoke('opened', [])).rejects.toMatchObject(full);
    await expect(invoke(module, 'pid')).rejects.toMatchObject(full);
    expect(await host.createSlotTable().drain(module, 50)).toEqual({ finished: 0, cut: 2 });
    expect(await Promise.all(waiting)).toEqual([code('HS_RUNTIME_CANCELLED'), code('HS_RUNTIME_CANCELLED')]);
    expect(await invoke(module, 'slow')).toBe(42);
  });

  it('gives the place of a call that was given up to another at once', async () => {
    await using host = await fakeHost({ processes: 1, maxPendingCalls: 2 });
    const module = await anyModule(host);
    const [running, given] = [new AbortController(), new AbortController()];
    const calls = [running, given].map(({ signal }) => module.invoke('hang', [], { signal }).catch(() => 'ended'));
    given.abort();
    expect(await calls[1]).toBe('ended');
    const next = invoke(module, 'slow');
    running.abort();
    expect(await calls[0]).toBe('ended');
    expect(await next).toBe(42);
  });

  it('takes the calls of an open instance one after the other, in their order', async () => {
    await using host = await fakeHost();
    await using instance = await (await anyModule(host)).open();
    const calls = Array.from({ length: 50 }, async () => (await instance.invoke('opened', [])).value);
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
    expect((await instance.invoke('opened', [])).value).toBe(51);
  });

  it('refuses more open instances than its limit, and opens again when one is closed', async () => {
    await using host = await fakeHost({ maxOpenInstances: 1 });
    const module = await anyModule(host);
    const instance = await module.open();
    await expect(module.open()).rejects.toEqual(code('HS_RUNTIME_INSTANCE_LIMIT'));
    await instance[Symbol.asyncDispose]();
    await using again = await module.open();
    expect((await again.invoke('opened', [])).value).toBe(1);
  });

  it('answers many more calls than there are children', async () => {
    await using host = await fakeHost({ processes: 2 });
    const module = await anyModule(host);
    const pids = await Promise.all(Array.from({ length: 200 }, () => pidOf(module)));
    expect(new Set(pids).size).toBe(2);
  });
});

it('gives a program the input that it had when it was run, however long it waits for its turn', async () => {
  await using host = await fakeHost({ processes: 1 });
  const module = await anyModule(host);
  const first = expect(invoke(module, 'hang', 200)).rejects.toEqual(code('HS_RUNTIME_TIMEOUT'));
  const stdin = Buffer.from('mine');
  const waiting = module.run({ stdin });
  stdin.fill('x');
  await first;
  expect(String(Buffer.from((await waiting).stderr))).toBe('mine');
});

it('refuses to give a program the streams of this process, which no child has', async () => {
  await using host = await fakeHost();
  const run = (await anyModule(host)).run({ stdio: 'inherit' });
  await expect(run).rejects.toMatchObject({ code: 'HS_RUNTIME_UNSUPPORTED' });
});

it('gives what a program wrote, in its two streams', async () => {
  await using host = await fakeHost();
  const result = await (await anyModule(host)).run({ stdin: Buffer.from('err') });
  expect([result.exitCode, String(Buffer.from(result.stdout)), String(Buffer.from(result.stderr))]).toEqual([
    7,
    'ab',
    'err',
  ]);
});

describe('what a guest writes', () => {
  const shown = async (call: Promise<unknown>): Promise<unknown> => {
    const error: unknown = await call.catch((thrown: unknown) => thrown);
    if (!isHotSwapError(error)) throw error;
    const { stdout, stderr } = error.details;
    return { code: error.code, stdout, stderr };
  };
  const hanging = 'about to hang\\u{1b}[2J';

  it('comes with the answer, and is counted where it was dropped', async () => {
    await using host = await fakeHost();
    const { stdout, stderr, droppedBytes } = await (await anyModule(host)).invoke('say', []);
    expect([String(Buffer.from(stdout ?? [])), stderr, droppedBytes]).toEqual(['said', new Uint8Array(), 3]);
  });

  it('is in the failure of a call that is ended, by its time, its caller or a drain', async () => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    const timedOut = shown(invoke(module, 'sayAndHang', 1_000));
    expect(await timedOut).toEqual({ code: 'HS_RUNTIME_TIMEOUT', stdout: hanging });
    // The next one has a child that is there already: what is cut while one starts has written nothing.
    await pidOf(module);
    const cancelled = shown(module.invoke('sayAndHang', [], { signal: AbortSignal.timeout(1_000) }));
    expect(await cancelled).toEqual({ code: 'HS_RUNTIME_CANCELLED', stdout: hanging });
    await pidOf(module);
    const cut = shown(invoke(module, 'sayAndHang'));
    expect(await host.createSlotTable().drain(module, 1_000)).toEqual({ finished: 0, cut: 1 });
    expect(await cut).toEqual({ code: 'HS_RUNTIME_CANCELLED', stdout: hanging });
  });

  it('is left behind by a child that crashes, cut to what a failure shows', async () => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    expect(await shown(invoke(module, 'sayAndCrash'))).toEqual({
      code: 'HS_RUNTIME_CRASHED',
      stderr: `${'x'.repeat(2_000)}…`,
    });
  });

  it('is in the failure of a call of an open instance', async () => {
    await using host = await fakeHost();
    const instance = await (await anyModule(host)).open();
    expect(String(Buffer.from((await instance.invoke('say', [])).stdout ?? []))).toBe('said');
    expect(await shown(instance.invoke('sayAndCrash', []))).toMatchObject({ stderr: expect.stringContaining('xx') });
  });

  it('is never told of another call', async () => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    await module.invoke('say', []);
    expect(await shown(invoke(module, 'hang', 300))).toEqual({ code: 'HS_RUNTIME_TIMEOUT' });
    await shown(invoke(module, 'sayAndHang', 1_000));
    // The child is gone: this call is cut while the next one is being started.
    expect(await shown(module.invoke('hang', [], { signal: AbortSignal.timeout(1) }))).toEqual({
      code: 'HS_RUNTIME_CANCELLED',
    });
    await shown(invoke(module, 'sayAndCrash'));
    expect(await shown(invoke(module, 'crash'))).toEqual({ code: 'HS_RUNTIME_CRASHED' });
  });

  it('is within the rate of its module, however many calls there are', async () => {
    await using host = await fakeHost({ processes: 2 });
    const module = await host.load({ bytes: new Uint8Array([1]) }, { maxLogBytesPerSecond: 0 });
    const results = await Promise.all(Array.from({ length: 10 }, () => module.invoke('say', [])));
    expect(results.map(({ stdout, droppedBytes }) => [stdout?.length, droppedBytes])).toEqual(
      results.map(() => [0, 7]),
    );
  });
});

it('a trap closes an open instance to the calls that wait for their turn', async () => {
  await using host = await fakeHost();
  const module = await anyModule(host);
  const instance = await module.open();
  const calls = ['opened', 'trap', 'opened', 'opened'].map((name) =>
    instance.invoke(name, []).then(
      ({ value }) => value,
      (error: unknown) => error,
    ),
  );
  const stale = code('HS_RUNTIME_STALE_HANDLE');
  expect(await Promise.all(calls)).toEqual([1, code('HS_RUNTIME_TRAP'), stale, stale]);
});

it('a trap closes an open instance', async () => {
  await using host = await fakeHost();
  const instance = await (await anyModule(host)).open();
  await expect(instance.invoke('trap', [])).rejects.toEqual(code('HS_RUNTIME_TRAP'));
  await expect(instance.invoke('opened', [])).rejects.toEqual(code('HS_RUNTIME_STALE_HANDLE'));
});
