import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { autoRollbackSchema, type MetricsQuestion } from '@hotswap/core';
import { PrometheusMetricsSource, type PrometheusOptions } from '@hotswap/metrics-prometheus';
import { canary } from '@hotswap/strategy-canary';
import { Simulation } from '@hotswap/testing';
import { RealPrometheus } from '../../../scripts/services/real-prometheus.ts';
import { Exporter } from './exporter.ts';

const question = (queries: Readonly<Record<string, string>>, more: Partial<MetricsQuestion> = {}): MetricsQuestion => ({
  ...{ tenant: 'default', deploymentId: 'd', moduleName: 'greeter', variant: 'rel-1', nodes: [[0, 2]] },
  ...{ since: Date.now() - 60_000, nodeIds: ['n.1', 'n|2'], queries },
  ...more,
});

describe('a real Prometheus server', () => {
  let exporter: Exporter;
  let prometheus: RealPrometheus;
  const errors: unknown[] = [];
  const source = (more: Partial<PrometheusOptions> = {}): PrometheusMetricsSource => {
    errors.length = 0;
    return new PrometheusMetricsSource({
      baseUrl: prometheus.url,
      cacheMs: 0,
      onError: (error) => errors.push(error),
      ...more,
    });
  };
  const value = async (query: string, more: Partial<MetricsQuestion> = {}): Promise<number | undefined> =>
    (await source().read(question({ it: query }, more))).custom['it']?.mean;
  const saturation = (percent: number): string => `# TYPE saturation gauge
saturation{release="rel-1",node="n.1"} ${percent}
saturation{release="v2",node="n.1"} ${percent}
failures{release="rel-1",node="n.1"} 5
failures{release="rel-1",node="n|2"} 7
failures{release="rel-1",node="nx1"} 100
failures{release="rel\\"2",node="n.1"} 9
`;

  beforeAll(async () => {
    exporter = await Exporter.start();
    exporter.text = saturation(40);
    prometheus = await RealPrometheus.start(
      `global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: test\n  static_configs:\n  - targets: ['${exporter.address}']\n`,
    );
    const isScraped = async (): Promise<boolean> => (await value('sum(saturation{release="rel-1"})')) === 40;
    await vi.waitUntil(isScraped, { timeout: 20_000, interval: 100 });
  });
  afterAll(async () => {
    await prometheus[Symbol.asyncDispose]();
    await exporter[Symbol.asyncDispose]();
  });

  it('answers queries with the variables filled in', async () => {
    expect(await value('sum(failures{release="{{release}}",node=~"{{nodes}}"})')).toBe(12);
    expect(await value('max(max_over_time(saturation{release="{{ release }}"}[{{window}}]))')).toBe(40);
    expect(await value('scalar(sum(failures{release="{{release}}"})) / 2')).toBe(56);
  });

  it('takes names as text, whatever they hold', async () => {
    expect(await value('sum(failures{release="{{release}}"})', { variant: 'rel"2' })).toBe(9);
    expect(
      await value('sum(failures{release="{{release}}"})', { variant: 'x"} or vector(1) or failures{a="' }),
    ).toBeUndefined();
  });

  it.each([
    ['there is no series', 'nothing_of_that_name', undefined],
    ['the answer is NaN', 'sum(failures{release="rel-1"}) * NaN', undefined],
    ['a ratio is of nothing by nothing', 'vector(0) / vector(0)', undefined],
    ['the answer is infinite', 'vector(1) / vector(0)', undefined],
    ['there are several series', 'failures', 'HS_METRICS_AMBIGUOUS'],
    ['the answer is a range', 'saturation[1m]', 'HS_METRICS_AMBIGUOUS'],
    ['the answer is a text', '"text"', 'HS_METRICS_AMBIGUOUS'],
    ['the query is none', 'sum(', 'HS_METRICS_REFUSED'],
    ['a variable is not known', 'sum({{luck}})', 'HS_METRICS_UNKNOWN_VARIABLE'],
  ])('has no answer when %s', async (_, query, code) => {
    expect(await value(query)).toBeUndefined();
    expect(errors).toEqual(code === undefined ? [] : [expect.objectContaining({ code })]);
  });

  it('answers each query apart from the others', async () => {
    const { custom } = await source().read(question({ bad: 'sum(', good: 'vector(3)', none: 'nothing' }));
    expect(custom).toEqual({ good: { count: 1, mean: 3, varianceOfMean: null } });
  });

  it('takes a release back when its query is over the threshold', async () => {
    const simulation = new Simulation({
      strategies: [canary()],
      nodes: { here: 4 },
      metricsSources: { prometheus: source() },
    });
    const query = 'max(saturation{release="{{release}}"})';
    const trigger = { metric: 'custom:saturation', source: 'prometheus', query, threshold: 80 };
    await simulation.create({
      config: { stages: [50, 100], evaluationPeriod: 'PT1H' },
      spec: { autoRollback: autoRollbackSchema.parse({ triggers: [trigger] }) },
    });
    await simulation.command('execute');
    const advance = async (): Promise<string> => {
      await simulation.time.advance(1_000);
      await simulation.engine.advance('default', 'd');
      const { summary } = await simulation.state();
      return `${summary.status}: ${summary.reason ?? summary.running?.kind ?? ''}`;
    };
    await expect.poll(advance).toBe('InProgress: wait');
    exporter.text = saturation(91);
    await expect
      .poll(advance, { timeout: 20_000, interval: 200 })
      .toBe('RolledBack: custom:saturation is 91, above the threshold of 80');
  });
});
