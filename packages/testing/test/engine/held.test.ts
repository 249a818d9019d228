import { describe, expect, it } from 'vitest';
import {
  attempt,
  deploy,
  replayJournal,
  restore,
  shiftTraffic,
  wait,
  type JournalEntry,
  type VariantMetrics,
} from '@hotswap/core';
import { healthyMetrics, journalOutline, Simulation, type SimulationOptions } from '@hotswap/testing';
import { strategyOf, testStrategies } from './test-strategies.ts';

const minute = 60_000;
const fired = 'failed: error_rate is 50 %, above the threshold of 10 %';
const regions = ['eu-central', 'us-east', 'us-west'] as const;

/** The newest release that the nodes of each region hold. */
function heldBy(simulation: Simulation): Readonly<Record<string, string>> {
  return Object.fromEntries(
    regions.map((region) => {
      const nodes = [...simulation.database.nodes.values()].filter((node) => node.region === region);
      const newest = nodes.map(({ nodeId }) => (simulation.fleet.loaded(nodeId).includes('v2') ? 'v2' : 'v1'));
      return [region, [...new Set(newest)].join(' ')];
    }),
  );
}

/** By region, the first of which is watched for ten minutes from its 10th minute on; then somebody pauses it. */
async function heldInFirstRegion(options: Partial<SimulationOptions> = {}, config: object = {}): Promise<Simulation> {
  const simulation = new Simulation({ strategies: testStrategies, ...options });
  await simulation.deploy({ strategy: 'ByRegion', config });
  await simulation.time.advance(15 * minute);
  expect(simulation.journal().at(-1)).toMatchObject({ type: 'began', effect: { kind: 'wait' } });
  await simulation.command('pause', { reason: 'lunch' });
  return simulation;
}

const since = (simulation: Simulation, type: JournalEntry['type']): readonly JournalEntry[] => {
  const entries = simulation.journal();
  return entries.slice(entries.findLastIndex((entry) => entry.type === type) + 1);
};

describe('a held rollout whose trigger fires', () => {
  let sick = false;
  const errors = (): VariantMetrics => ({ ...healthyMetrics, errorRatePercent: sick ? 50 : 0 });
  const sickAfter = async (options: Partial<SimulationOptions> = {}, config: object = {}): Promise<Simulation> => {
    sick = false;
    const simulation = await heldInFirstRegion({ metrics: errors, ...options }, config);
    sick = true;
    return simulation;
  };

  it('puts back the one region that its strategy would put back, and stays held', async () => {
    const simulation = await sickAfter();
    await simulation.time.advance(minute);
    expect(journalOutline(since(simulation, 'held'))).toEqual([fired, 'began restore', 'moved', 'ended']);
    expect(heldBy(simulation)).toEqual({ 'eu-central': 'v1', 'us-east': 'v1', 'us-west': 'v1' });
    sick = false;
    await simulation.time.advance(60 * minute);
    const { summary, held, allowed } = await simulation.state();
    expect([summary.status, held?.why, held?.detail]).toEqual(['Paused', 'person', 'lunch']);
    expect(allowed).toContain('resume');
    await simulation.command('resume');
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('PartiallyCompleted');
    expect(heldBy(simulation)).toEqual({ 'eu-central': 'v1', 'us-east': 'v2', 'us-west': 'v2' });
    const { next } = replayJournal(simulation.journal(), testStrategies);
    expect(next?.kind).toBe('returned');
  });

  it('leaves regions alone that came before the one that fails', async () => {
    sick = false;
    const simulation = new Simulation({ strategies: testStrategies, metrics: errors });
    await simulation.deploy({ strategy: 'ByRegion' });
    await simulation.time.advance(32 * minute);
    expect(heldBy(simulation)['eu-central']).toBe('v2');
    await simulation.command('pause');
    sick = true;
    await simulation.time.advance(minute);
    expect(heldBy(simulation)).toEqual({ 'eu-central': 'v2', 'us-east': 'v1', 'us-west': 'v1' });
    expect((await simulation.state()).held?.why).toBe('person');
  });

  it('takes everything back where the strategy would', async () => {
    sick = false;
    const simulation = new Simulation({ strategies: testStrategies, metrics: errors });
    await simulation.deploy({ strategy: 'Staged' });
    await simulation.time.advance(8 * minute);
    await simulation.command('pause');
    sick = true;
    await simulation.time.advance(minute);
    expect((await simulation.state()).summary).toMatchObject({ status: 'RolledBack', reason: /error_rate is 50/ });
  });

  it('retires nothing while it is held: an end that keeps some of it waits for the resume', async () => {
    const simulation = await sickAfter({}, { abortOnRegionFailure: true });
    await simulation.time.advance(minute);
    expect((await simulation.state()).summary.status).toBe('Paused');
    await simulation.command('resume');
    await simulation.time.advance(minute);
    expect((await simulation.state()).summary).toMatchObject({
      status: 'PartiallyCompleted',
      reason: 'eu-central failed',
    });
  });

  it('is rolled back with the last region, held or not', async () => {
    sick = false;
    const only = new Simulation({ strategies: testStrategies, metrics: errors, nodes: { 'eu-central': 4 } });
    await only.deploy({ strategy: 'ByRegion' });
    await only.time.advance(8 * minute);
    await only.command('pause');
    sick = true;
    await only.time.advance(minute);
    expect((await only.state()).summary).toMatchObject({ status: 'RolledBack', reason: 'Every region failed' });
  });

  it('does so on another server, and after every crash, as well', async () => {
    const simulation = await sickAfter({ engines: 3 });
    for (let second = 0; second < 60; second++) {
      simulation.restart();
      await simulation.time.advance(1_000);
    }
    expect(journalOutline(since(simulation, 'held'))).toEqual([fired, 'began restore', 'moved', 'ended']);
  });

  it('takes all of it back when no server that knows the strategy comes', async () => {
    const simulation = await sickAfter();
    simulation.restart(testStrategies.filter(({ name }) => name !== 'Staged'));
    await simulation.time.advance(20 * minute);
    expect((await simulation.state()).summary.status).toBe('Paused');
    await simulation.time.advance(20 * minute);
    expect((await simulation.state()).summary.status).toBe('RolledBack');
  });
});

describe('a restore of the strategy in a hold', () => {
  it('keeps its clock: silent nodes are unknown after 30 seconds', async () => {
    const simulation = await heldInFirstRegion({
      metrics: ({ now }) => ({ ...healthyMetrics, errorRatePercent: now % (60 * minute) >= 20 * minute ? 50 : 0 }),
    });
    simulation.fleet.disconnect('eu-central-1');
    await simulation.time.advance(10 * minute);
    expect(simulation.journal().at(-1)).toMatchObject({
      type: 'ended',
      result: { ok: true, value: { restored: 3, unknown: 1 } },
    });
    expect((await simulation.state()).summary.status).toBe('Paused');
  });

  it('that was under way when somebody paused goes on', async () => {
    const simulation = new Simulation({
      strategies: testStrategies,
      script: {
        latencyMs: () => 5_000,
        healthy: (node, id) => !(id === 'v2' && node.region === 'eu-central'),
      },
    });
    await simulation.deploy({ strategy: 'ByRegion' });
    while (!journalOutline(simulation.journal()).includes('began restore')) await simulation.time.advance(1_000);
    await simulation.command('pause');
    await simulation.time.advance(5 * minute);
    expect(journalOutline(since(simulation, 'held'))).toEqual(['moved', 'ended']);
    await simulation.command('resume');
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('PartiallyCompleted');
  });
});

describe('a held rollout with a node that turns sick', () => {
  it('asks what its strategy would ask, instead of taking everything back', async () => {
    let broken = false;
    const asks = strategyOf('Asks', function* ({ targets }) {
      yield* deploy({ nodes: targets });
      yield* shiftTraffic({ percent: 100, to: targets, among: targets });
      const tried = yield* attempt(() => wait({ forMs: 30 * minute, reason: 'looking', watch: targets }));
      if (!tried.ok) yield* restore({ nodes: [[0, 4]], reason: tried.failure.message });
      return { status: 'PartiallyCompleted', failed: [[0, 4]] };
    });
    const simulation = new Simulation({
      strategies: [asks],
      script: { recheckMs: 5_000, healthy: (node, id) => !(broken && id === 'v2' && node.nodeId === 'us-east-5') },
    });
    await simulation.deploy();
    await simulation.time.advance(minute);
    await simulation.command('pause');
    broken = true;
    await simulation.time.advance(minute);
    expect(heldBy(simulation)).toEqual({ 'eu-central': 'v1', 'us-east': 'v2', 'us-west': 'v2' });
    expect((await simulation.state()).summary.status).toBe('Paused');
  });
});
