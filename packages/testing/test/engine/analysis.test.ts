import { describe, expect, it } from 'vitest';
import {
  autoRollbackSchema,
  noMetrics,
  type MetricsQuestion,
  type MetricsSource,
  type VariantMetrics,
} from '@hotswap/core';
import { healthyMetrics, Simulation, simulateRollout, type MetricsQuery } from '@hotswap/testing';
import { compared, staged } from './test-strategies.ts';

const minute = 60_000;
const rollback = (...triggers: readonly object[]) => ({ autoRollback: autoRollbackSchema.parse({ triggers }) });
const config = { stages: [10, 100], bakeMs: minute };
const run = async (triggers: readonly object[], metrics: (query: MetricsQuery) => VariantMetrics) => {
  const simulation = await simulateRollout({ strategies: [staged], config, metrics, spec: rollback(...triggers) });
  const { summary } = await simulation.state();
  return { ...summary, simulation };
};
const versions =
  (old: Partial<VariantMetrics>, fresh: Partial<VariantMetrics>) =>
  ({ variant }: MetricsQuery): VariantMetrics => ({ ...healthyMetrics, ...(variant === 'v2' ? fresh : old) });
const average = (averageMs: number, varianceMs2 = 400): Pick<VariantMetrics, 'latency'> => ({
  latency: { averageMs, varianceMs2, p50Ms: averageMs, p95Ms: averageMs, p99Ms: averageMs },
});

describe('triggers against the old version', () => {
  const slower = { metric: 'avg_latency_ms', threshold: 20, against: 'baseline' };

  it('fire when the new version is worse by more than the threshold, and say by how much', async () => {
    const { status, reason, simulation } = await run([slower], versions(average(20), average(30)));
    expect([status, reason]).toEqual([
      'RolledBack',
      'avg_latency_ms is 30 ms, 50 % worse than the 20 ms of the old version (allowed: 20 %)',
    ]);
    expect(simulation.journal().find((entry) => entry.type === 'ended' && !entry.result.ok)).toMatchObject({
      facts: {
        triggers: [
          {
            ...{ metric: 'avg_latency_ms', state: 'fired', observed: 30, threshold: 20, samples: 10_000 },
            ...{ against: 'baseline', baseline: { observed: 20, samples: 10_000 }, worsePercent: 50 },
            test: { method: 'normal mixture (mSPRT)', differenceInterval: { low: expect.any(Number) } },
          },
        ],
      },
    });
  });

  it.each([
    ['it is worse by less', versions(average(20), average(23))],
    ['it is better', versions(average(30), average(20))],
    [
      'chance explains the difference',
      versions({ samples: 200, ...average(20, 40_000) }, { samples: 200, ...average(30, 40_000) }),
    ],
    ['the old version had no calls', versions(noMetrics, average(90))],
    ['there are too few calls', versions({ ...average(20), samples: 9 }, { ...average(90), samples: 9 })],
    ['a value is no number', versions(average(Number.NaN), average(90))],
  ])('stay quiet when %s', async (_, metrics) => {
    expect((await run([slower], metrics)).status).toBe('Completed');
  });

  it('look at what shall not fall as well', async () => {
    const orders = (mean: number) => ({ custom: { orders: { count: 60, mean, varianceOfMean: 1e-8 } } });
    const fewer = { metric: 'custom:orders', threshold: 10, comparison: 'less_than', against: 'baseline' };
    expect((await run([fewer], versions(orders(0.5), orders(0.4)))).status).toBe('RolledBack');
    expect((await run([fewer], versions(orders(0.5), orders(0.6)))).status).toBe('Completed');
  });

  it('fire on errors where there were none', async () => {
    const errors = (errorRatePercent: number) => ({ errorRatePercent });
    const trigger = { metric: 'error_rate', threshold: 50, against: 'baseline' };
    expect(await run([trigger], versions(errors(0), errors(3)))).toMatchObject({
      status: 'RolledBack',
      reason: 'error_rate is 3 %, worse than the 0 % of the old version (allowed: 50 %)',
    });
  });

  it.each(['cpu_ms_per_call', 'fuel_per_call'] as const)('compare %s', async (metric) => {
    const used = (mean: number) =>
      metric === 'cpu_ms_per_call'
        ? { cpuMsPerCall: mean, cpuVarianceOfMean: 1e-4 }
        : { fuelPerCall: mean, fuelVarianceOfMean: 1e-4 };
    expect((await run([{ metric, threshold: 10, against: 'baseline' }], versions(used(5), used(9)))).status).toBe(
      'RolledBack',
    );
    expect((await run([{ metric, threshold: 8 }], versions(used(5), used(9)))).status).toBe('RolledBack');
    expect((await run([{ metric, threshold: 8 }], versions(used(5), used(7)))).status).toBe('Completed');
  });
});

describe('a configured metric without data (D-5)', () => {
  const gate = { metric: 'custom:orders', threshold: 0.1, comparison: 'less_than' };

  it('pauses at the end of the period instead of passing, and says why in the journal', async () => {
    const { status, reason, simulation } = await run([gate], () => healthyMetrics);
    expect(status).toBe('Paused');
    expect(reason).toBe(
      'No data for custom:orders: that is neither good nor bad. Resume to go on without it, or roll back',
    );
    expect(simulation.sharePercent('v2')).toBeCloseTo(10, 6);
  });

  it('goes on when a person resumes, and pauses again at the next stage', async () => {
    const simulation = new Simulation({ strategies: [staged] });
    await simulation.deploy({ config, spec: rollback(gate) });
    await simulation.time.advance(2 * minute);
    expect((await simulation.state()).held?.why).toBe('noData');
    await simulation.command('resume');
    await simulation.time.advance(2 * minute);
    expect((await simulation.state()).summary).toMatchObject({ status: 'Paused', stage: '10%' });
    await simulation.command('resume');
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('can be rolled back', async () => {
    const { simulation } = await run([gate], () => healthyMetrics);
    await simulation.command('rollback');
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('RolledBack');
  });

  it('lets the health check decide where it was not asked for by name, or asked to be ignored', async () => {
    expect((await run([{ metric: 'error_rate', threshold: 5 }], () => noMetrics)).status).toBe('Completed');
    expect((await run([{ ...gate, onNoData: 'ignore' }], () => noMetrics)).status).toBe('Completed');
    expect((await run([{ metric: 'error_rate', threshold: 5, onNoData: 'pause' }], () => noMetrics)).status).toBe(
      'Paused',
    );
  });
});

describe('a configured comparison where the old version serves nobody (D-5)', () => {
  const orders = { custom: { orders: { count: 60, mean: 0.5, varianceOfMean: 1e-8 } } };
  const fewer = { metric: 'custom:orders', threshold: 10, comparison: 'less_than', against: 'baseline' };
  /** What nodes report when the old version gets no request once the whole share has moved. */
  const byShare = (oldServes: (simulation: Simulation) => boolean) => {
    const simulation: Simulation = new Simulation({
      strategies: [staged],
      metrics: ({ variant }) =>
        variant === 'v2' || oldServes(simulation) ? { ...healthyMetrics, ...orders } : noMetrics,
    });
    return simulation;
  };

  it('does not pause the last stage of every rollout: there is nothing left to compare with', async () => {
    const simulation = byShare((live) => live.sharePercent('v2') < 100);
    await simulation.deploy({ config, spec: rollback(fewer) });
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('pauses where the old version serves and is not heard of', async () => {
    const simulation = byShare(() => false);
    await simulation.deploy({ config, spec: rollback(fewer) });
    await simulation.time.advance(2 * minute);
    expect((await simulation.state()).held?.why).toBe('noData');
  });

  it('pauses at the last stage when the new version is not heard of either', async () => {
    const simulation: Simulation = new Simulation({
      strategies: [staged],
      metrics: () => (simulation.sharePercent('v2') < 100 ? { ...healthyMetrics, ...orders } : noMetrics),
    });
    await simulation.deploy({ config, spec: rollback(fewer) });
    await simulation.time.advance(5 * minute);
    const { summary, held } = await simulation.state();
    expect([held?.why, summary.stage]).toEqual(['noData', '10%']);
  });
});

describe('a configured metric without data in an A/B test (D-5, F98)', () => {
  const gate = { metric: 'custom:orders', threshold: 0.1, comparison: 'less_than' };
  const faster = (more: Partial<VariantMetrics> = {}) =>
    versions({ ...average(30), ...more }, { ...average(20), ...more });
  const compare = async (metrics: (query: MetricsQuery) => VariantMetrics): Promise<Simulation> => {
    const simulation = new Simulation({ strategies: [compared], metrics });
    await simulation.deploy({ strategy: 'Compared', spec: rollback(gate) });
    await simulation.time.advance(40 * minute);
    return simulation;
  };

  it('promotes no winner that it could not be held against', async () => {
    const simulation = await compare(faster());
    const { summary, held } = await simulation.state();
    expect([summary.status, held?.why, summary.reason]).toEqual([
      'Paused',
      'noData',
      'No data for custom:orders: that is neither good nor bad. Resume to go on without it, or roll back',
    ]);
    expect(simulation.sharePercent('v2')).toBeLessThan(100);
    await simulation.command('resume');
    await simulation.finish();
    expect((await simulation.state()).summary).toMatchObject({ status: 'Completed', verdict: 'B' });
  });

  it('is no obstacle once it is measured, nor where the old version wins', async () => {
    const orders = { custom: { orders: { count: 60, mean: 0.5, varianceOfMean: 1e-8 } } };
    expect((await (await compare(faster(orders))).state()).summary).toMatchObject({
      status: 'Completed',
      verdict: 'B',
    });
    const worse = versions(average(20), average(30));
    expect((await (await compare(worse)).state()).summary).toMatchObject({ status: 'Completed', verdict: 'A' });
  });
});

describe('triggers that ask another source', () => {
  const outside = { metric: 'custom:saturation', source: 'elsewhere', query: 'saturation{release="x"}', threshold: 5 };
  const ask = async (source: Partial<MetricsSource> | undefined) => {
    const asked: MetricsQuestion[] = [];
    const elsewhere: MetricsSource = {
      async read(question) {
        asked.push(question);
        return (await source?.read?.(question)) ?? noMetrics;
      },
    };
    const simulation = new Simulation({
      strategies: [staged],
      nodes: { here: 10 },
      metricsSources: { elsewhere },
    });
    // The server that drives it may have been configured otherwise than the one that took it in.
    const engine = simulation.makeEngine(source ? {} : { metricsSources: {} });
    await simulation.create({ config, spec: rollback(outside) });
    await engine.command('default', 'd', 'execute', 'alice');
    for (let seconds = 0; seconds < 400; seconds++) {
      await simulation.time.advance(1_000);
      await engine.advance('default', 'd');
    }
    return { asked, summary: (await simulation.state()).summary };
  };
  const answers = (value: number): Partial<MetricsSource> => ({
    read: async ({ queries = {} }) => ({
      ...noMetrics,
      custom: Object.fromEntries(
        Object.keys(queries).map((name) => [name, { count: 1, mean: value, varianceOfMean: null }]),
      ),
    }),
  });

  it('fire by its answer, and are asked with the query, the nodes and the window', async () => {
    const { asked, summary } = await ask(answers(6));
    expect(summary).toMatchObject({
      status: 'RolledBack',
      reason: 'custom:saturation is 6, above the threshold of 5',
    });
    expect(asked[0]).toMatchObject({ variant: 'v2', queries: { 0: 'saturation{release="x"}' } });
    expect(asked[0]?.nodeIds).toHaveLength(10);
  });

  it.each([
    ['answers nothing', { read: async () => noMetrics }],
    ['answers what is no number', answers(Number.NaN)],
    ['fails', { read: async () => Promise.reject(new TypeError('unreachable')) }],
    ['is not there', undefined],
  ])('pause the rollout when the source %s', async (_, source) => {
    expect((await ask(source)).summary).toMatchObject({ status: 'Paused', reason: expect.stringContaining('No data') });
  });
});

it('a trigger that asks a source which nobody has configured is refused at create', async () => {
  const simulation = new Simulation({
    strategies: [staged],
    metricsSources: { prometheus: { read: async () => noMetrics } },
  });
  const trigger = { metric: 'custom:x', source: 'prometeus', query: 'up', threshold: 1 };
  await expect(simulation.create({ spec: rollback(trigger) })).rejects.toMatchObject({
    code: 'HS_DEPLOYMENT_UNKNOWN_SOURCE',
    message: expect.stringContaining('this server has hotswap, prometheus'),
  });
});

describe('a trigger that makes no sense', () => {
  it.each([
    [{ metric: 'custom:x', source: 'prometheus', threshold: 1 }, 'query'],
    [{ metric: 'error_rate', source: 'prometheus', query: 'up', threshold: 1 }, 'metric'],
    [{ metric: 'custom:x', query: 'up', threshold: 1 }, 'query'],
    [{ metric: 'peak_memory_mb', against: 'baseline', threshold: 1 }, 'against'],
    [{ metric: 'custom:x', source: 'prometheus', query: 'up', against: 'baseline', threshold: 1 }, 'against'],
    [{ metric: 'custom:', threshold: 1 }, 'metric'],
    [{ metric: 'luck', threshold: 1 }, 'metric'],
    [{ metric: 'error_rate', threshold: 1, onNoData: 'hope' }, 'onNoData'],
  ])('is refused at %j', (trigger, path) => {
    const read = autoRollbackSchema.safeParse({ triggers: [trigger] });
    expect(read.error?.issues.map((issue) => issue.path)).toContainEqual(['triggers', 0, path]);
  });
});
