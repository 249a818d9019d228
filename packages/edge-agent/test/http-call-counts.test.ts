import type { HttpVersionStats } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { CallMetrics } from '../src/metrics/call-metrics.ts';
import { HttpCallCounts } from '../src/metrics/http-call-counts.ts';

const stats = (more: Partial<HttpVersionStats> = {}): HttpVersionStats => ({
  slot: 'shop',
  version: 'r1',
  requests: 0,
  inFlight: 0,
  status2xx: 0,
  status3xx: 0,
  status4xx: 0,
  status5xx: 0,
  timeouts: 0,
  traps: 0,
  cut: 0,
  latency: {},
  latencySumMs: 0,
  latencySumSquaresMs2: 0,
  ...more,
});

describe('HttpCallCounts', () => {
  it('gives what came since the last time: 5xx and cut answers are errors, traps and time limits crashes', () => {
    let now = stats({ status2xx: 5, status4xx: 2, latency: { '10': 7 }, latencySumMs: 7, latencySumSquaresMs2: 7 });
    const counts = new HttpCallCounts(() => [now]);
    expect(counts.take()).toEqual([
      {
        moduleName: 'shop',
        releaseId: 'r1',
        calls: 7,
        errors: 0,
        crashes: 0,
        latencySumMs: 7,
        latencySumSquaresMs2: 7,
        latencyBuckets: { '10': 7 },
      },
    ]);
    now = stats({
      status2xx: 8,
      status4xx: 2,
      status5xx: 3,
      traps: 1,
      timeouts: 1,
      cut: 1,
      latency: { '10': 7, '20': 6 },
      latencySumMs: 19,
      latencySumSquaresMs2: 31,
    });
    expect(counts.take()).toMatchObject([
      { calls: 6, errors: 4, crashes: 2, latencySumMs: 12, latencySumSquaresMs2: 24, latencyBuckets: { '20': 6 } },
    ]);
    expect(counts.take()).toEqual([]);
  });

  it('keeps versions apart, and counts one that came back anew', () => {
    let all = [stats({ status2xx: 5 }), stats({ version: 'r2', status2xx: 3 })];
    const counts = new HttpCallCounts(() => all);
    expect(counts.take().map(({ calls }) => calls)).toEqual([5, 3]);
    all = [stats({ status2xx: 2 }), stats({ version: 'r2', status2xx: 4 })];
    expect(counts.take().map(({ calls }) => calls)).toEqual([2, 1]);
  });
});

describe('CallMetrics with HTTP', () => {
  it('reports requests and calls of a release as one, also when it is closed', () => {
    let now = stats();
    const metrics = new CallMetrics(() => [now]);
    const recorder = metrics.recorder('shop', 'r1', () => ({ peakMemoryBytes: 0, memoryRefusals: 0 }));
    recorder.record(1, 'ok');
    now = stats({ status2xx: 2, status5xx: 1, traps: 1, latency: { '5': 3 } });
    expect(metrics.take()).toMatchObject([{ moduleName: 'shop', releaseId: 'r1', calls: 4, errors: 1, crashes: 1 }]);
    now = stats({ status2xx: 4, status5xx: 1, traps: 1, latency: { '5': 5 } });
    metrics.remove(recorder);
    expect(metrics.take()).toMatchObject([{ releaseId: 'r1', calls: 2, errors: 0, latencyBuckets: { '5': 2 } }]);
  });

  it('tells of requests that crashed, once', () => {
    let now = stats();
    const crashed: number[] = [];
    const metrics = new CallMetrics(
      () => [now],
      ({ crashes }) => crashed.push(crashes),
    );
    for (const next of [{ status2xx: 2 }, { status2xx: 2, status5xx: 3, traps: 2, timeouts: 1 }]) {
      now = stats({ ...next, latency: { '5': 5 } });
      metrics.take();
      metrics.countHttp();
    }
    expect(crashed).toEqual([3]);
  });

  it('reports requests of a release that it does not know any more', () => {
    const metrics = new CallMetrics(() => [stats({ status2xx: 1, latency: { '5': 1 } })]);
    expect(metrics.take()).toMatchObject([{ moduleName: 'shop', releaseId: 'r1', calls: 1, memoryRefusals: 0 }]);
    expect(metrics.take()).toEqual([]);
  });
});
