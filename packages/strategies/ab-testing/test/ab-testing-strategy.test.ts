import { describe, expect, it } from 'vitest';
import { parseStrategyConfig, type Effect, type EffectResult, type Json, type RollbackTrigger } from '@hotswap/core';
import { abTesting, abTestingConfigSchema } from '@hotswap/strategy-ab-testing';
import { healthyMetrics, journalOutline, Simulation, simulateRollout, stepThrough } from '@hotswap/testing';
import { latencies, variantBWins } from './golden-scenarios.ts';

const minute = 60_000;
const seen = { baseline: healthyMetrics, candidate: healthyMetrics } as unknown as Json;
const verdictAt =
  (verdict: 'A' | 'B' | 'Inconclusive', look = 1) =>
  (effects: { n: number }) =>
  (effect: Effect): EffectResult<Json> | undefined => {
    if (effect.kind === 'observe') return { ok: true, value: seen };
    if (effect.kind !== 'judge') return undefined;
    effects.n++;
    return {
      ok: true,
      value: { verdict: effects.n >= look ? verdict : 'Inconclusive', improvementPercent: 12, reason: 'chance' },
    };
  };
const walk = (config: object, answer: ReturnType<typeof verdictAt>) =>
  stepThrough(abTesting(), { nodes: 10, config, answer: answer({ n: 0 }) });
const kinds = (effects: readonly Effect[]) => effects.map(({ kind }) => kind);

describe('the configuration of an A/B test', () => {
  it('has the defaults of text 002 (STR-7)', () => {
    expect(parseStrategyConfig(abTesting(), undefined)).toEqual({
      variantBPercentage: 20,
      experimentDuration: 'PT2H',
      winnerCriteria: { metric: 'avg_latency_ms', threshold: 10, comparison: 'lower_is_better' },
      minimumSampleSize: 1_000,
      significanceLevel: 0.05,
      lookInterval: 'PT1M',
      onInconclusive: 'rollback',
      maxExtensions: 1,
      placement: 'separate',
    });
  });

  it('keeps every key, and reads bare numbers as seconds (X-14)', () => {
    const read = abTestingConfigSchema.parse({
      experimentDuration: 90,
      winnerCriteria: { metric: 'custom:orders{kind="new"}', comparison: 'higher_is_better', threshold: 3 },
      functionName: 'ping',
    });
    expect(read).toMatchObject({
      experimentDuration: 'PT1M30S',
      winnerCriteria: { metric: 'custom:orders{kind="new"}', comparison: 'higher_is_better', threshold: 3 },
      healthCheckFunction: 'ping',
    });
    expect(abTesting().healthCheck?.(read)).toEqual({ functionName: 'ping' });
  });
});

describe('an A/B test', () => {
  it('splits nodes and traffic, looks at everything since the split, and promotes B', () => {
    const { effects, outcome } = walk({}, verdictAt('B', 2));
    const look = ['observe', 'judge', 'progress'];
    expect(kinds(effects)).toEqual([
      ...['deploy', 'shiftTraffic', ...look, ...look],
      ...['deploy', 'shiftTraffic', 'verify', 'progress'],
    ]);
    expect(effects.slice(0, 4).map(({ input }) => input)).toEqual([
      { nodes: [[8, 10]] },
      { percent: 20, to: [[8, 10]], among: [[0, 10]] },
      {
        ...{ forMs: minute, baseline: [[0, 10]], candidate: [[8, 10]], since: 'shift', watch: [[8, 10]] },
        failure: 'Health checks failed for variant B',
      },
      {
        ...{ baseline: healthyMetrics, candidate: healthyMetrics, method: 'sequential' },
        criteria: {
          ...{ metric: 'avg_latency_ms', comparison: 'lower_is_better', thresholdPercent: 10 },
          ...{ minimumSampleSize: 1_000, significanceLevel: 0.05 },
        },
      },
    ]);
    expect(effects.slice(8, 10).map(({ input }) => input)).toEqual([
      { nodes: [[0, 8]] },
      { percent: 100, to: [[0, 10]], among: [[0, 10]] },
    ]);
    expect(outcome).toEqual({ status: 'Completed', verdict: 'B', message: 'Variant B won' });
  });

  it('asks for the sketches when a quantile decides, and only then', () => {
    const config = { winnerCriteria: { metric: 'p95_latency_ms' }, experimentDuration: 'PT1M' };
    const { effects } = walk(config, verdictAt('Inconclusive'));
    expect(effects.find(({ kind }) => kind === 'observe')?.input).toMatchObject({ since: 'shift', sketches: true });
  });

  it('brings A back when A won, and retains nothing (D-9)', () => {
    const { effects, outcome } = walk({}, verdictAt('A'));
    expect(effects.at(-1)).toMatchObject({ kind: 'restore', input: { nodes: [[0, 10]], reason: 'Variant A won' } });
    expect(outcome).toEqual({ status: 'Completed', verdict: 'A', message: 'Variant A won', retain: [] });
  });

  it('brings A back when the time is over without a verdict (X-10)', () => {
    const { effects, outcome } = walk({ experimentDuration: 'PT3M' }, verdictAt('Inconclusive'));
    expect(kinds(effects).filter((kind) => kind === 'judge')).toHaveLength(3);
    expect(outcome).toEqual({
      ...{ status: 'Completed', verdict: 'Inconclusive', message: 'Inconclusive: chance. Variant A stays', retain: [] },
    });
  });

  it('goes on measuring with extend, as often as it may, and then keeps A (X-10)', () => {
    const config = { experimentDuration: 'PT3M', onInconclusive: 'extend', maxExtensions: 2 };
    expect(kinds(walk(config, verdictAt('Inconclusive')).effects).filter((kind) => kind === 'judge')).toHaveLength(9);
    expect(walk(config, verdictAt('B', 7)).outcome).toMatchObject({ verdict: 'B' });
  });

  it('ends before it changes anything where there is no variant A', () => {
    const { effects, thrown } = stepThrough(abTesting(), { running: [] });
    expect(kinds(effects)).toEqual(['fail']);
    expect(thrown).toMatchObject({ code: 'HS_STRATEGY_STAGE_FAILED' });
  });

  it('serves the baseline everywhere after A won, and B after B won', async () => {
    const ended = async (metrics: ReturnType<typeof latencies>) => {
      const simulation = await simulateRollout({ strategies: [abTesting()], metrics });
      const { summary } = await simulation.state();
      return [
        summary.status,
        summary.verdict,
        summary.reason,
        simulation.sharePercent('v1'),
        simulation.sharePercent('v2'),
      ];
    };
    expect(await ended(variantBWins)).toEqual(['Completed', 'B', 'Variant B won', 0, 100]);
    expect(await ended(latencies({ a: 15, b: 25 }))).toEqual(['Completed', 'A', 'Variant A won', 100, 0]);
  });

  it('splits requests by the percentage with either placement', async () => {
    for (const placement of ['separate', 'in-place']) {
      const simulation = new Simulation({ strategies: [abTesting()], metrics: latencies({ a: 20, b: 20 }) });
      await simulation.deploy({ config: { variantBPercentage: 30, placement } });
      await simulation.time.advance(10 * minute);
      expect(simulation.sharePercent('v2')).toBeCloseTo(30, 6);
    }
  });

  it('asks a person with pause, who can measure on, promote B or keep A (X-10)', async () => {
    const begin = async () => {
      const simulation = new Simulation({ strategies: [abTesting()], metrics: latencies({ a: 20, b: 19.9 }) });
      await simulation.deploy({ config: { experimentDuration: 'PT3M', onInconclusive: 'pause' } });
      await simulation.time.advance(4 * minute);
      return simulation;
    };
    const simulation = await begin();
    expect(await simulation.state()).toMatchObject({
      accepts: ['promote', 'retry', 'resume'],
      summary: { status: 'Paused', reason: expect.stringContaining('Inconclusive: B differs by 0.5 %') },
    });
    await simulation.command('retry');
    await simulation.time.advance(4 * minute);
    await simulation.command('promote');
    await simulation.finish();
    expect((await simulation.state()).summary).toMatchObject({ status: 'Completed', verdict: 'Inconclusive' });
    expect(simulation.sharePercent('v2')).toBe(100);

    const kept = await begin();
    await kept.command('resume');
    await kept.finish();
    expect((await kept.state()).summary).toMatchObject({ status: 'Completed', verdict: 'Inconclusive' });
    expect(kept.sharePercent('v1')).toBe(100);
  });

  it('takes everything back when variant B turns sick or a trigger fires', async () => {
    const sick = await simulateRollout({
      strategies: [abTesting()],
      metrics: latencies({ a: 20, b: 20 }),
      script: { healthy: (_, releaseId, now) => releaseId !== 'v2' || now < 5 * minute, recheckMs: 1_000 },
    });
    expect((await sick.state()).summary).toMatchObject({
      status: 'RolledBack',
      reason: 'Health checks failed for variant B',
    });
    const triggers: readonly RollbackTrigger[] = [
      { metric: 'avg_latency_ms', threshold: 20, comparison: 'greater_than', minimumSamples: 10, against: 'baseline' },
    ];
    const slow = await simulateRollout({
      strategies: [abTesting()],
      metrics: latencies({ a: 20, b: 60 }),
      spec: { autoRollback: { enabled: true, triggers } },
    });
    expect((await slow.state()).summary).toMatchObject({
      status: 'RolledBack',
      reason: 'avg_latency_ms is 60 ms, 200 % worse than the 20 ms of the old version (allowed: 20 %)',
    });
  });

  it('has values, samples and bounds of each look in the journal', async () => {
    const simulation = await simulateRollout({ strategies: [abTesting()], metrics: variantBWins });
    const judged = simulation.journal().find((entry) => entry.type === 'ended' && entry.facts !== undefined);
    expect(judged).toMatchObject({
      result: {
        ok: true,
        value: { verdict: 'B', improvementPercent: 40, reason: 'avg_latency_ms went from 25 to 15' },
      },
      facts: {
        ...{ judge: 'sequential', metric: 'avg_latency_ms', observed: { a: 25, b: 15 }, thresholdPercent: 10 },
        ...{ samples: { a: 10_000, b: 10_000 }, minimumSampleSize: 1_000, significanceLevel: 0.05 },
        ...{
          method: 'normal mixture (mSPRT)',
          differenceInterval: { low: expect.any(Number), high: expect.any(Number) },
        },
      },
    });
    expect(journalOutline(simulation.journal()).at(-1)).toBe('closed: Completed');
  });
});
