import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  autoRollbackSchema,
  canonicalJson,
  deepFreeze,
  defaultAutoRollback,
  defaultHealthCheck,
  digestSchema,
  durationMs,
  durationSchema,
  healthCheckOverrideSchema,
  isHotSwapError,
  latencyBucket,
  mergeSketches,
  metricValue,
  positiveDurationSchema,
  resolveHealthCheck,
  sha256Hex,
  sketchQuantileMs,
  toDuration,
  type VariantMetrics,
} from '../src/index.ts';

describe('durations', () => {
  it.each([
    ['PT5M', 300_000],
    ['PT1H30M', 5_400_000],
    ['P1DT1S', 86_401_000],
    ['PT0.5S', 500],
    ['PT0S', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  it('survive being written and read', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000_000_000 }), (ms) => {
        expect(durationMs(toDuration(ms))).toBe(ms);
      }),
    );
  });

  it('are read from bare seconds, and written canonically', () => {
    expect([
      durationSchema.parse(5),
      durationSchema.parse(0.25),
      durationSchema.parse('PT90S'),
      durationSchema.parse('PT60M'),
    ]).toEqual(['PT5S', 'PT0.25S', 'PT1M30S', 'PT1H']);
  });

  it.each(['', 'P', 'PT', '5M', 'P1Y', 'P1M', 'P1W', 'PT-5S', 'PT5', -1, null, 'PT5M '])('refuse %j', (text) => {
    expect(durationSchema.safeParse(text).success).toBe(false);
    expect(() => durationMs(String(text))).toThrow(expect.objectContaining({ code: 'HS_CORE_INVALID_DURATION' }));
  });

  it('can be asked to be longer than zero', () => {
    expect(positiveDurationSchema.safeParse('PT0S').success).toBe(false);
    expect(positiveDurationSchema.safeParse(0).success).toBe(false);
    expect(positiveDurationSchema.parse(1)).toBe('PT1S');
  });
});

describe('canonical JSON', () => {
  it('is the same whatever the order of keys, and leaves undefined out', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const reversed = JSON.parse(JSON.stringify(value), (_, item: unknown) =>
          item !== null && typeof item === 'object' && !Array.isArray(item)
            ? Object.fromEntries(Object.entries(item).reverse())
            : item,
        ) as unknown;
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(canonicalJson({ b: undefined, a: [{ d: 1, c: 2 }] })).toBe('{"a":[{"c":2,"d":1}]}');
  });

  it('is not fooled by __proto__', () => {
    expect(canonicalJson(JSON.parse('{"__proto__":{"x":1},"a":2}'))).toBe('{"__proto__":{"x":1},"a":2}');
  });

  it('freezes to the leaves', () => {
    const frozen = deepFreeze({ a: [{ b: 1 }] });
    expect(() => (frozen.a[0] as { b: number }).b++).toThrow(TypeError);
  });
});

describe('latency sketches', () => {
  it('tell quantiles within 5 percent, merged or not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 200 }),
        fc.constantFrom(0.5, 0.95, 0.99),
        (latencies, q) => {
          const half = Math.floor(latencies.length / 2);
          const sketch = (items: readonly number[]) =>
            items.reduce<Record<string, number>>(
              (counts, ms) => ({ ...counts, [latencyBucket(ms)]: (counts[latencyBucket(ms)] ?? 0) + 1 }),
              {},
            );
          const merged = mergeSketches(sketch(latencies.slice(0, half)), sketch(latencies.slice(half)));
          const exact = [...latencies].sort((a, b) => a - b)[Math.max(1, Math.ceil(q * latencies.length)) - 1] ?? 0;
          expect(Math.abs((sketchQuantileMs(merged, q) ?? 0) - exact) / exact).toBeLessThanOrEqual(0.0501);
        },
      ),
    );
    expect(sketchQuantileMs({}, 0.5)).toBeNull();
  });
});

describe('health checks', () => {
  it('lay later layers over earlier ones', () => {
    expect(resolveHealthCheck({ functionName: 'a', failureThreshold: 9 }, undefined, { functionName: 'b' })).toEqual({
      ...defaultHealthCheck,
      functionName: 'b',
      failureThreshold: 9,
    });
  });

  it('accept seconds and refuse unknown keys and zero', () => {
    expect(healthCheckOverrideSchema.parse({ timeout: 5, interval: 'PT2S' })).toEqual({
      timeout: 'PT5S',
      interval: 'PT2S',
    });
    for (const wrong of [{ timeout: 0 }, { successThreshold: 0 }, { nope: 1 }, { functionName: '' }])
      expect(healthCheckOverrideSchema.safeParse(wrong).success).toBe(false);
  });
});

describe('automatic rollback', () => {
  it('has triggers of its own until a block replaces them', () => {
    expect(autoRollbackSchema.parse({})).toEqual(defaultAutoRollback);
    expect(
      autoRollbackSchema.parse({
        triggers: [
          { metric: 'error_rate', threshold: 5, unit: 'percent' },
          { metric: 'avg_latency_ms', threshold: 100, comparison: 'greater_than' },
        ],
      }),
    ).toEqual({
      enabled: true,
      triggers: [
        { metric: 'error_rate', threshold: 5, comparison: 'greater_than', minimumSamples: 10 },
        { metric: 'avg_latency_ms', threshold: 100, comparison: 'greater_than', minimumSamples: 10 },
      ],
    });
  });

  it('reads every metric by its name', () => {
    const metrics: VariantMetrics = {
      samples: 1,
      errorRatePercent: 1,
      crashRatePercent: 2,
      latency: { averageMs: 3, varianceMs2: 0, p50Ms: 4, p95Ms: 5, p99Ms: 6 },
      peakMemoryBytes: 7_340_032,
      memoryRefusals: 8,
      cpuMsPerCall: 9,
      fuelPerCall: 10,
      custom: { 'orders{kind="new"}': { count: 3, mean: 11, varianceOfMean: null } },
    };
    expect(
      (
        [
          'error_rate',
          'crash_rate',
          'avg_latency_ms',
          'p50_latency_ms',
          'p95_latency_ms',
          'p99_latency_ms',
          'peak_memory_mb',
          'memory_refusals',
          'cpu_ms_per_call',
          'fuel_per_call',
          'custom:orders{kind="new"}',
          'custom:toString',
        ] as const
      ).map((name) => metricValue(metrics, name)),
    ).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, null]);
  });
});

describe('digests and errors', () => {
  it('hash text and bytes alike and take nothing but lower-case hex', async () => {
    expect(await sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(await sha256Hex(new TextEncoder().encode('abc'))).toBe(await sha256Hex('abc'));
    expect(digestSchema.safeParse('A'.repeat(64)).success).toBe(false);
  });

  it('are recognised by their brand', () => {
    let thrown: unknown;
    try {
      durationMs('never');
    } catch (error) {
      thrown = error;
    }
    expect(isHotSwapError(thrown, 'HS_CORE_INVALID_DURATION')).toBe(true);
    expect(isHotSwapError(thrown, 'HS_JOURNAL_CONFLICT')).toBe(false);
    expect(isHotSwapError({ code: 'HS_CORE_INVALID_DURATION' })).toBe(false);
    expect(thrown).toMatchObject({ httpStatus: 400, retryable: false, details: { value: 'never' } });
  });
});
