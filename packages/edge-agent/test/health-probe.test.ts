import { defaultHealthCheck, type HealthCheck, type WitValue } from '@hotswap/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HealthProbe } from '../src/calls/health-probe.ts';
import { FakeLoadedModule, fakeRuntimeError, type FakeModule } from './fake-runtime-host.ts';

function probeOf(
  module: FakeModule,
  check: Partial<HealthCheck> = {},
): { readonly probe: HealthProbe; readonly changes: string[] } {
  const changes: string[] = [];
  const probe = new HealthProbe(
    { round: 'd:1', check: { ...defaultHealthCheck, ...check } },
    new FakeLoadedModule('digest', module, () => undefined),
    () => {
      changes.push(probe.health.state);
    },
  );
  return { probe, changes };
}

/** A module whose health function answers these in turn, the last one for ever. */
function answering(...answers: readonly (WitValue | Error)[]): FakeModule & { calls: number } {
  const module = {
    calls: 0,
    functions: {
      health_check: (): WitValue => {
        const answer = answers[Math.min(module.calls++, answers.length - 1)];
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
  };
  return module;
}

describe('HealthProbe', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('asks at once, then once per interval until it is stopped', async () => {
    const module = answering('OK');
    const { probe } = probeOf(module, { interval: 'PT2S' });
    probe.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(module.calls).toBe(1);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(module.calls).toBe(4);
    probe.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(module.calls).toBe(4);
  });

  it('turns healthy after the good answers in a row that it needs, and tells once', async () => {
    const { probe, changes } = probeOf(answering('OK'), { successThreshold: 3 });
    probe.start();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(probe.health).toMatchObject({ state: 'unknown', consecutiveSuccesses: 2 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(probe.health.state).toBe('healthy');
    expect(changes).toEqual(['healthy']);
  });

  it('turns unhealthy only after the bad answers in a row, and back again', async () => {
    const { probe, changes } = probeOf(answering('OK', 'bad', 'bad', 'OK', 'bad', 'bad', 'bad', 'OK'), {
      failureThreshold: 3,
    });
    probe.start();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(probe.health).toMatchObject({
      state: 'healthy',
      consecutiveFailures: 2,
      message: 'health_check answered "bad" instead of "OK"',
    });
    await vi.advanceTimersByTimeAsync(4_000);
    expect(probe.health).toMatchObject({ state: 'unhealthy', consecutiveFailures: 3, consecutiveSuccesses: 0 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changes).toEqual(['healthy', 'unhealthy', 'healthy']);
    expect(probe.health.message).toBeUndefined();
  });

  it.each<[string, WitValue, Partial<HealthCheck>, FakeModule['kind'], string | undefined, boolean]>([
    ['the expected text', 'OK', {}, 'component', 'string', true],
    ['another text', 'ok', {}, 'component', 'string', false],
    ['a text that was asked for', 'fine', { expected: 'fine' }, 'component', 'string', true],
    ['true', true, {}, 'component', 'bool', true],
    ['false', false, {}, 'component', 'bool', false],
    ['an ok result without payload', undefined, {}, 'component', 'result', true],
    ['an ok result with a payload', 'whatever', {}, 'component', 'result<string, string>', true],
    ['nothing at all', undefined, {}, 'component', undefined, false],
    ['1 of a core module', 1, {}, 'core', 'i32', true],
    ['0 of a core module', 0, {}, 'core', 'i32', false],
    ['1 of a component', 1, {}, 'component', 'u32', false],
    ['a number that was asked for', 7, { expected: '7' }, 'component', 'u32', true],
  ])('judges %s', async (_name, answer, check, kind, result, healthy) => {
    const signature = { name: 'health_check', params: [], ...(result === undefined ? {} : { result }) };
    const { probe } = probeOf(
      { functions: { health_check: () => answer }, signatures: [signature], ...(kind === undefined ? {} : { kind }) },
      { ...check, failureThreshold: 1 },
    );
    probe.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(probe.health.state).toBe(healthy ? 'healthy' : 'unhealthy');
    probe.stop();
  });

  it('finds the function by either spelling and within an interface', async () => {
    const module = { functions: { 'acme:svc/health@1.0.0#health-check': () => 'OK' } };
    const { probe } = probeOf(module);
    probe.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(probe.health.state).toBe('healthy');
    probe.stop();
  });

  it('calls a module without the function unhealthy and says why', async () => {
    const { probe } = probeOf({ functions: {} }, { failureThreshold: 1 });
    probe.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(probe.health).toMatchObject({ state: 'unhealthy', message: 'the module exports no function health_check' });
    probe.stop();
  });

  it('counts traps and answers that come too late as bad', async () => {
    const { probe } = probeOf(answering(fakeRuntimeError('HS_RUNTIME_TRAP'), fakeRuntimeError('HS_RUNTIME_TIMEOUT')), {
      failureThreshold: 2,
      timeout: 'PT0.5S',
    });
    probe.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(probe.health.message).toBe('health_check failed: The module trapped');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(probe.health).toMatchObject({ state: 'unhealthy', message: 'health_check did not answer within PT0.5S' });
    probe.stop();
  });

  it('never overlaps its own calls, however slow they are', async () => {
    let running = 0;
    let most = 0;
    const slow = async (): Promise<WitValue> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 3_500));
      running--;
      return 'OK';
    };
    const { probe } = probeOf({ functions: { health_check: slow } });
    probe.start();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(most).toBe(1);
    probe.stop();
  });

  it('lets no answer count that comes after it was stopped', async () => {
    const answer = Promise.withResolvers<WitValue>();
    const { probe, changes } = probeOf({ functions: { health_check: () => answer.promise } });
    probe.start();
    probe.stop();
    answer.resolve('OK');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(probe.health.state).toBe('unknown');
    expect(changes).toEqual([]);
  });

  it('is healthy without asking when checking is switched off', () => {
    const module = answering('bad');
    const { probe, changes } = probeOf(module, { enabled: false });
    probe.start();
    expect(probe.health.state).toBe('healthy');
    expect(changes).toEqual(['healthy']);
    expect(module.calls).toBe(0);
  });
});
