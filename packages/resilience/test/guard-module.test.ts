import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { guardModule, type BreakerState, type GuardObservation } from '@hotswap/resilience';
import { FakeModule, runtimeError, traps } from './fake-module.ts';

describe('guardModule', () => {
  let module: FakeModule;
  let states: BreakerState[];
  let seen: GuardObservation[];
  const watching = () => ({
    onStateChange: (state: BreakerState) => states.push(state),
    onCall: (observation: GuardObservation) => seen.push(observation),
  });

  beforeEach(() => {
    vi.useFakeTimers();
    module = new FakeModule();
    states = [];
    seen = [];
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('passes answers on and says that the module gave them', async () => {
    const guard = guardModule(module, watching());
    expect(await guard.invoke('greet', ['x'])).toEqual({ value: 'module', durationMs: 1, origin: 'module' });
    module.script.splice(0, 1, () => 7);
    expect(await guard.run()).toMatchObject({ exitCode: 7, origin: 'module' });
    expect([guard.state, states, seen.map(({ origin }) => origin)]).toEqual(['Closed', [], ['module', 'module']]);
  });

  it('opens after five failures in a row, not before, and leaves the module alone for five seconds', async () => {
    const guard = guardModule(module, watching());
    module.script.splice(0, 1, traps, traps, traps, traps, () => 'well', traps);
    for (let i = 0; i < 4; i++) await expect(guard.invoke('f', [])).rejects.toMatchObject({ code: 'HS_RUNTIME_TRAP' });
    await guard.invoke('f', []);
    for (let i = 0; i < 4; i++) await expect(guard.invoke('f', [])).rejects.toMatchObject({ code: 'HS_RUNTIME_TRAP' });
    expect(guard.state).toBe('Closed');
    await expect(guard.invoke('f', [])).rejects.toMatchObject({ code: 'HS_RUNTIME_TRAP' });
    expect([guard.state, module.calls]).toEqual(['Open', 10]);
    await vi.advanceTimersByTimeAsync(4_999);
    await expect(guard.invoke('f', [])).rejects.toMatchObject({ code: 'HS_RESILIENCE_OPEN', retryable: true });
    expect(module.calls).toBe(10);
  });

  it('closes again after a good trial, and opens anew after a bad one', async () => {
    const guard = guardModule(module, { ...watching(), breaker: { failureThreshold: 1, recoveryTimeout: 'PT1S' } });
    module.script.splice(0, 1, traps, traps, () => 'well');
    await expect(guard.invoke('f', [])).rejects.toThrow();
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(guard.invoke('f', [])).rejects.toMatchObject({ code: 'HS_RUNTIME_TRAP' });
    await vi.advanceTimersByTimeAsync(999);
    await expect(guard.invoke('f', [])).rejects.toMatchObject({ code: 'HS_RESILIENCE_OPEN' });
    await vi.advanceTimersByTimeAsync(1);
    expect((await guard.invoke('f', [])).value).toBe('well');
    expect(states).toEqual(['Open', 'HalfOpen', 'Open', 'HalfOpen', 'Closed']);
  });

  it('asks for as many good trials as it is told, and keeps everybody else out meanwhile', async () => {
    const guard = guardModule(module, {
      ...watching(),
      breaker: { failureThreshold: 1, successThreshold: 2 },
      fallback: { invoke: () => 'native' },
    });
    const trial = Promise.withResolvers<string>();
    module.script.splice(
      0,
      1,
      traps,
      () => trial.promise,
      () => 'second',
      () => 'open to all',
    );
    await guard.invoke('f', []);
    await vi.advanceTimersByTimeAsync(5_000);
    const first = guard.invoke('f', []);
    const second = guard.invoke('f', []);
    expect(await guard.invoke('f', [])).toMatchObject({ value: 'native', origin: 'fallback' });
    expect(guard.state).toBe('HalfOpen');
    trial.resolve('first');
    expect([(await first).value, (await second).value, guard.state]).toEqual(['first', 'second', 'Closed']);
    expect((await guard.invoke('f', [])).value).toBe('open to all');
  });

  it('does not close because of a trial that is given up', async () => {
    const guard = guardModule(module, { breaker: { failureThreshold: 1 } });
    module.script.splice(0, 1, traps, () => {
      throw runtimeError('HS_RUNTIME_CANCELLED');
    });
    await expect(guard.invoke('f', [])).rejects.toThrow();
    await vi.advanceTimersByTimeAsync(5_000);
    await expect(guard.invoke('f', [])).rejects.toMatchObject({ code: 'HS_RUNTIME_CANCELLED' });
    expect(guard.state).toBe('Open');
  });

  it('lets the program do the work when the module fails, is left alone or is switched off', async () => {
    const causes: string[] = [];
    const guard = guardModule(module, {
      breaker: { failureThreshold: 1 },
      fallback: {
        invoke: (name, args, cause) => {
          causes.push((cause as { code?: string }).code ?? cause.message);
          return `${name}${JSON.stringify(args)} done here`;
        },
      },
    });
    module.script.splice(0, 1, traps);
    for (let i = 0; i < 2; i++)
      expect(await guard.invoke('f', [1, 2])).toMatchObject({ value: 'f[1,2] done here', origin: 'fallback' });
    guard.setEnabled(false);
    await guard.invoke('f', []);
    expect(causes).toEqual(['HS_RUNTIME_TRAP', 'HS_RESILIENCE_OPEN', 'HS_RESILIENCE_DISABLED']);
    expect(module.calls).toBe(1);
  });

  it('does the work of commands, and only where there is a fallback for it', async () => {
    const done = { exitCode: 3, stdout: new Uint8Array(), stderr: new Uint8Array(), droppedBytes: 0, durationMs: 0 };
    module.script.splice(0, 1, traps);
    const guard = guardModule(module, { fallback: { run: () => done } });
    expect(await guard.run()).toEqual({ ...done, origin: 'fallback' });
    await expect(guard.invoke('f', [])).rejects.toMatchObject({ code: 'HS_RUNTIME_TRAP' });
  });

  it.each([
    'HS_RUNTIME_INVALID_ARGUMENT',
    'HS_RUNTIME_UNKNOWN_EXPORT',
    'HS_RUNTIME_GUEST_ERROR',
    'HS_RUNTIME_INPUT_LIMIT',
    'HS_RUNTIME_CANCELLED',
  ] as const)('takes %s for an answer, not for a failure', async (code) => {
    const guard = guardModule(module, { breaker: { failureThreshold: 1 }, fallback: { invoke: () => 'native' } });
    module.script.splice(0, 1, () => {
      throw runtimeError(code, { name: 'f', path: 'args[0]', expected: 'u32', payload: 'no', limitBytes: 1 });
    });
    for (let i = 0; i < 3; i++) await expect(guard.invoke('f', [])).rejects.toMatchObject({ code });
    expect([guard.state, guard.metrics().fallbackTotal]).toEqual(['Closed', 0]);
  });

  it('asks the program which failures count, where it says so', async () => {
    const guard = guardModule(module, { breaker: { failureThreshold: 1 }, isFailure: () => false });
    module.script.splice(0, 1, traps);
    for (let i = 0; i < 3; i++) await expect(guard.invoke('f', [])).rejects.toThrow();
    expect(guard.state).toBe('Closed');
  });

  it('throws what the fallback throws', async () => {
    const guard = guardModule(module, {
      ...watching(),
      fallback: {
        invoke: () => {
          throw new RangeError('native too');
        },
      },
    });
    module.script.splice(0, 1, traps);
    await expect(guard.invoke('f', [])).rejects.toThrow('native too');
    expect(seen).toMatchObject([{ origin: 'none', cause: { code: 'HS_RUNTIME_TRAP' } }]);
  });

  it('loads at the first call, counts a load that fails, tries again, and closes what it loaded', async () => {
    let loads = 0;
    const load = async (): Promise<FakeModule> => {
      loads++;
      await new Promise((resolve) => setTimeout(resolve, 40));
      if (loads < 2) throw runtimeError('HS_RUNTIME_INVALID_MODULE', { reason: 'cut off' });
      return module;
    };
    const guard = guardModule(load, { fallback: { invoke: () => 'native' } });
    expect(guard.metrics()).toMatchObject({ coldStartTimeMs: null, peakMemoryPages: null });
    const first = Promise.all([guard.invoke('f', []), guard.invoke('f', [])]);
    await vi.advanceTimersByTimeAsync(40);
    expect((await first).map(({ origin }) => origin)).toEqual(['fallback', 'fallback']);
    const second = guard.invoke('f', []);
    await vi.advanceTimersByTimeAsync(40);
    expect((await second).origin).toBe('module');
    expect([loads, guard.metrics().coldStartTimeMs]).toEqual([2, 40]);
    await guard[Symbol.asyncDispose]();
    expect(module.isClosed).toBe(true);
    expect((await guard.invoke('f', [])).origin).toBe('fallback');
  });

  it('never loads what is switched off, and leaves a module that came loaded to its owner', async () => {
    let loads = 0;
    const guard = guardModule(() => Promise.resolve(module).finally(() => loads++), { enabled: false });
    await expect(guard.invoke('f', [])).rejects.toMatchObject({ code: 'HS_RESILIENCE_DISABLED' });
    expect([loads, guard.isEnabled]).toEqual([0, false]);
    guard.setEnabled(true);
    await guard.invoke('f', []);
    expect(loads).toBe(1);
    await guardModule(module)[Symbol.asyncDispose]();
    expect(module.isClosed).toBe(false);
  });

  it('counts what it did', async () => {
    const guard = guardModule(module, { breaker: { failureThreshold: 2 }, fallback: { invoke: () => 'native' } });
    const slowly = async (): Promise<string> => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return 'well';
    };
    module.script.splice(0, 1, slowly, slowly, traps, traps);
    for (let i = 0; i < 2; i++) {
      const call = guard.invoke('f', []);
      await vi.advanceTimersByTimeAsync(100);
      await call;
    }
    for (let i = 0; i < 3; i++) await guard.invoke('f', []);
    expect(guard.metrics()).toMatchObject({
      breakerState: 'Open',
      isEnabled: true,
      callsTotal: 5,
      successTotal: 2,
      failureTotal: 2,
      fallbackTotal: 3,
      skippedTotal: 1,
      successRate: 0.5,
      peakMemoryPages: 2,
      growFailedTotal: 3,
      moduleTimeMs: { sum: 200 },
    });
    expect(guard.metrics().moduleTimeMs.p99).toBeCloseTo(100, -1);
  });

  it('does not take mistakes of callers and answers of the guest for failures of the module', async () => {
    const guard = guardModule(module);
    const wrong = (): never => {
      throw runtimeError('HS_RUNTIME_UNKNOWN_EXPORT', { name: 'g', available: ['f'] });
    };
    const declined = (): never => {
      throw runtimeError('HS_RUNTIME_GUEST_ERROR', { payload: 'no such order' });
    };
    module.script.splice(0, 1, () => 'well', wrong, declined);
    await guard.invoke('f', []);
    for (let i = 0; i < 2; i++) await expect(guard.invoke('g', [])).rejects.toThrow();
    expect(guard.metrics()).toMatchObject({ callsTotal: 3, successTotal: 1, failureTotal: 0, successRate: 1 });
  });

  it('does its work whatever those who watch it do', async () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const broken = (): never => {
      throw new Error('the log is full');
    };
    const fallback = { invoke: vi.fn(() => 'native') };
    const options = { onCall: broken, onStateChange: broken, breaker: { failureThreshold: 1 }, fallback };
    const guard = guardModule(module, options);
    module.script.splice(0, 1, () => 'module', traps);
    expect(await guard.invoke('f', [])).toMatchObject({ value: 'module', origin: 'module' });
    expect(fallback.invoke).not.toHaveBeenCalled();
    expect(await guard.invoke('f', [])).toMatchObject({ value: 'native', origin: 'fallback' });
    expect(fallback.invoke.mock.lastCall?.at(2)).toMatchObject({ code: 'HS_RUNTIME_TRAP' });
    expect(guard.metrics()).toMatchObject({ callsTotal: 2, successTotal: 1, fallbackTotal: 1, breakerState: 'Open' });
    expect(warnings).toHaveBeenCalledWith(expect.stringContaining('the log is full'), expect.anything());
    warnings.mockRestore();
  });

  it.each([
    [{ failureThreshold: 0 }, 'failureThreshold'],
    [{ successThreshold: 1.5 }, 'successThreshold'],
    [{ recoveryTimeout: 'soon' }, undefined],
  ])('refuses %j', (breaker, option) => {
    expect(() => guardModule(module, { breaker })).toThrow(
      option === undefined ? /duration/i : new RegExp(`option ${option}`),
    );
  });
});
