import { sketchQuantileMs } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { CallMetrics, outcomeOfFailure } from '../src/call-metrics.ts';
import { fakeRuntimeError } from './fake-runtime-host.ts';

const idle = { peakMemoryBytes: 0, memoryRefusals: 0 };

describe('CallMetrics', () => {
  it('reports what came since the last time, by release', () => {
    const metrics = new CallMetrics();
    const calls = metrics.recorder('greeter', 'r1', () => idle);
    metrics.recorder('greeter', 'r2', () => idle);
    calls.record(2, 'ok');
    calls.record(4, 'error');
    calls.record(6, 'crash');
    const [delta, ...others] = metrics.take();
    expect(others).toEqual([]);
    expect(delta).toMatchObject({
      moduleName: 'greeter',
      releaseId: 'r1',
      calls: 3,
      errors: 2,
      crashes: 1,
      latencySumMs: 12,
      latencySumSquaresMs2: 56,
    });
    expect(sketchQuantileMs(delta?.latencyBuckets ?? {}, 0.5)).toBeCloseTo(4, 0);
    expect(metrics.take()).toEqual([]);
  });

  it('reports refused memory as a difference and the peak as it is, without any call', () => {
    const metrics = new CallMetrics();
    let stats = { peakMemoryBytes: 65_536, memoryRefusals: 2 };
    metrics.recorder('greeter', 'r1', () => stats);
    expect(metrics.take()[0]).toMatchObject({ calls: 0, peakMemoryBytes: 65_536, memoryRefusals: 2 });
    stats = { peakMemoryBytes: 131_072, memoryRefusals: 3 };
    expect(metrics.take()[0]).toMatchObject({ peakMemoryBytes: 131_072, memoryRefusals: 1 });
    expect(metrics.take()).toEqual([]);
  });

  it('keeps the last calls of a release that is closed for the next report', () => {
    const metrics = new CallMetrics();
    const calls = metrics.recorder('greeter', 'r1', () => idle);
    calls.record(1, 'ok');
    metrics.remove(calls);
    expect(metrics.take()).toHaveLength(1);
    expect(metrics.take()).toEqual([]);
  });

  it.each([
    ['HS_RUNTIME_TRAP', 'crash'],
    ['HS_RUNTIME_TIMEOUT', 'crash'],
    ['HS_RUNTIME_GUEST_ERROR', 'error'],
    ['HS_RUNTIME_QUEUE_FULL', undefined],
    ['HS_RUNTIME_CANCELLED', undefined],
  ] as const)('counts %s as %s', (code, outcome) => {
    expect(outcomeOfFailure(fakeRuntimeError(code))).toBe(outcome);
  });
});
