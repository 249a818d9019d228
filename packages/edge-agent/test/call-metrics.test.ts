import { sketchQuantileMs } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { CallMetrics, outcomeOfFailure, type MeteredStats } from '../src/metrics/call-metrics.ts';
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

  it('reports processor time, fuel and counters as differences, gauges as they are', () => {
    const metrics = new CallMetrics();
    let stats: MeteredStats = { ...idle, cpuMs: 5, fuelUsed: 100, metrics: { orders: 2, load: 0.5 }, gauges: ['load'] };
    const calls = metrics.recorder('greeter', 'r1', () => stats);
    calls.record(1, 'ok');
    expect(metrics.take()[0]).toMatchObject({
      cpuMs: 5,
      fuelUsed: 100,
      counters: { orders: 2 },
      gauges: { load: 0.5 },
    });
    stats = { ...idle, cpuMs: 9, fuelUsed: 160, metrics: { orders: 2, load: 0.7 }, gauges: ['load'] };
    calls.record(1, 'ok');
    expect(metrics.take()[0]).toMatchObject({ cpuMs: 4, fuelUsed: 60, counters: { orders: 0 }, gauges: { load: 0.7 } });
    stats = { ...stats, metrics: { orders: 5, load: 0.7 } };
    expect(metrics.take()[0]).toMatchObject({ calls: 0, cpuMs: 0, counters: { orders: 3 } });
    expect(metrics.take()).toEqual([]);
  });

  it('leaves out what the runtime does not meter and the module does not report', () => {
    const metrics = new CallMetrics();
    const calls = metrics.recorder('greeter', 'r1', () => ({ ...idle, fuelUsed: 0, metrics: {} }));
    calls.record(1, 'ok');
    const [delta = {}] = metrics.take();
    for (const name of ['cpuMs', 'fuelUsed', 'counters', 'gauges']) expect(delta).not.toHaveProperty(name);
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
