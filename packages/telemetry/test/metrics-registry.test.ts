import { latencyBucket } from '@hotswap/core';
import { BoundedLabel, MetricsRegistry } from '@hotswap/telemetry';
import { describe, expect, it } from 'vitest';

describe('MetricsRegistry', () => {
  it('shows counters from 0, so that their first rise is seen', async () => {
    const registry = new MetricsRegistry();
    const failed = registry.counter('failed_total', 'Failures.', ['strategy'], [{ strategy: 'Canary' }]);
    expect(await registry.text()).toContain('# TYPE failed_total counter\nfailed_total{strategy="Canary"} 0\n');
    failed.add({ strategy: 'Canary' }, 2);
    expect(await registry.text()).toContain('failed_total{strategy="Canary"} 2\n');
  });

  it('leaves a gauge out whose reader fails, and shows the others', async () => {
    const registry = new MetricsRegistry();
    registry.gauge('lost', 'Gone.', () => Promise.reject(new TypeError('no database')));
    registry.gauge('there', 'Here.', () => [{ labels: { region: 'eu "1"\n' }, value: 3 }]);
    const text = await registry.text();
    expect(text).not.toMatch(/^lost/m);
    expect(text).toContain('there{region="eu \\"1\\"\\n"} 3\n');
  });

  it('sums sketches up into cumulative buckets with the objectives among the bounds', async () => {
    const registry = new MetricsRegistry();
    const histogram = registry.sketches('call_seconds', 'Calls.', ['module']);
    histogram.add({ module: 'a' }, { sumMs: 4.7 + 5.6, buckets: { [latencyBucket(4.7)]: 1, [latencyBucket(5.6)]: 1 } });
    histogram.add({ module: 'a' }, { sumMs: 90_000, buckets: { [latencyBucket(90_000)]: 1 } });
    const text = await registry.text();
    expect(text).toContain('call_seconds_bucket{module="a",le="0.0025"} 0\n');
    expect(text).toContain('call_seconds_bucket{module="a",le="0.005"} 1\n');
    expect(text).toContain('call_seconds_bucket{module="a",le="0.01"} 2\n');
    expect(text).toContain('call_seconds_bucket{module="a",le="60"} 2\n');
    expect(text).toContain('call_seconds_bucket{module="a",le="+Inf"} 3\n');
    expect(text).toContain('call_seconds_count{module="a"} 3\n');
    expect(text).toMatch(/call_seconds_sum\{module="a"\} 90\.01/);
  });
});

describe('BoundedLabel', () => {
  it('lets the first values stand for themselves and calls the rest other', () => {
    const label = new BoundedLabel(2);
    expect(['a', 'b', 'c', 'a', 'd'].map((value) => label.of(value))).toEqual(['a', 'b', 'other', 'a', 'other']);
  });
});
