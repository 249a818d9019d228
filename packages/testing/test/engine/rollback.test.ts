import { describe, expect, it } from 'vitest';
import { deploy, fail, wait } from '@hotswap/core';
import { healthyMetrics, journalOutline, Simulation, simulateRollout, type SimulationOptions } from '@hotswap/testing';
import { batched, strategyOf, testStrategies } from './test-strategies.ts';

const minute = 60_000;
const nodesHold = (simulation: Simulation): ReadonlySet<string> =>
  new Set(
    [...simulation.database.nodes.keys()].map((nodeId) => simulation.fleet.loaded(nodeId).join('+') || 'nothing'),
  );

async function midway(options: Partial<SimulationOptions> = {}, afterMs = 8 * minute): Promise<Simulation> {
  const simulation = new Simulation({ strategies: testStrategies, ...options });
  await simulation.deploy({ strategy: 'Staged' });
  await simulation.time.advance(afterMs);
  return simulation;
}

describe('rollback', () => {
  it('is one append: command, turn, restore and the route of before', async () => {
    const simulation = await midway();
    expect(simulation.sharePercent('v2')).toBe(50);
    const length = simulation.journal().length;
    const epoch = await simulation.fleetReader.epoch('default', 'greeter');
    await simulation.command('rollback', { reason: 'p99 above 100 ms' });
    expect(journalOutline(simulation.journal().slice(length))).toEqual([
      'rollback',
      'turned to rollback',
      'began restore',
    ]);
    expect(
      new Set(
        simulation
          .journal()
          .slice(length)
          .map(({ at }) => at),
      ).size,
    ).toBe(1);
    expect(simulation.sharePercent('v2')).toBe(0);
    expect(await simulation.fleetReader.epoch('default', 'greeter')).toBe(epoch + 1);
    const startedAt = simulation.time.now();
    await simulation.time.advance(1_000);
    const { summary } = await simulation.state();
    expect(summary).toMatchObject({ status: 'RolledBack', reason: 'p99 above 100 ms' });
    expect((summary.endedAt ?? 0) - startedAt).toBeLessThan(1_000);
    expect(nodesHold(simulation)).toEqual(new Set(['v1']));
  });

  it('asks the restored version for its health, and fails loudly when it is sick (D-10)', async () => {
    const simulation = await midway({
      script: { healthy: (node, id) => !(id === 'v1' && node.nodeId === 'us-east-3') },
    });
    await simulation.command('rollback', { reason: 'complaints' });
    await simulation.time.advance(minute);
    const { summary } = await simulation.state();
    expect(summary.status).toBe('Failed');
    expect(summary.reason).toContain('complaints; then 1 nodes serve the version from before, but it is not healthy');
    expect(simulation.database.outbox.at(-1)).toMatchObject({ severity: 'critical' });
  });

  it('lists unreachable nodes as unknown after 30 seconds, and what they shall be stands', async () => {
    const simulation = await midway();
    simulation.fleet.disconnect('eu-central-1');
    await simulation.command('rollback');
    await simulation.time.advance(20_000);
    expect((await simulation.state()).summary.status).toBe('RollingBack');
    await simulation.time.advance(minute);
    expect((await simulation.state()).summary.status).toBe('RolledBack');
    expect(simulation.journal().at(-1)).toMatchObject({
      type: 'closed',
      facts: { restored: 19, unknown: 1, unknownNodes: [[1, 2]] },
    });
    simulation.fleet.connect('eu-central-1');
    await simulation.time.advance(1_000);
    expect(simulation.fleet.loaded('eu-central-1')).toEqual(['v1']);
  });

  it('of a first deployment leaves the module absent (D-15)', async () => {
    const simulation = await midway({ serves: () => false });
    expect(simulation.sharePercent('v2')).toBe(100);
    await simulation.command('rollback');
    await simulation.time.advance(1_000);
    expect((await simulation.state()).summary.status).toBe('RolledBack');
    expect(nodesHold(simulation)).toEqual(new Set(['nothing']));
  });

  it('works from Completed without loading anything, until the retention ends', async () => {
    const loads: string[] = [];
    const simulation = await midway(
      { script: { loads: (node, id) => (loads.push(`${node.nodeId} ${id}`), true) } },
      20 * minute,
    );
    const { summary } = await simulation.state();
    expect(summary.status).toBe('Completed');
    expect((summary.retainedUntil ?? 0) - (summary.endedAt ?? 0)).toBe(60 * minute);
    const before = loads.length;
    await simulation.command('rollback', { reason: 'p99' });
    await simulation.time.advance(1_000);
    expect((await simulation.state()).summary).toMatchObject({ status: 'RolledBack', reason: 'p99' });
    expect(loads.length).toBe(before);
    expect(nodesHold(simulation)).toEqual(new Set(['v1']));
  });

  it('is refused once the replaced release is retired', async () => {
    const simulation = await midway({}, 3 * 60 * minute);
    expect((await simulation.state()).summary.retainedUntil).toBeUndefined();
    expect(nodesHold(simulation)).toEqual(new Set(['v2']));
    await expect(simulation.command('rollback')).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_COMMAND_REFUSED' });
  });

  it('needs neither the strategy nor its version', async () => {
    const simulation = await midway();
    simulation.restart([batched]);
    expect(await simulation.engine.advance('default', 'd')).toMatchObject({ kind: 'blocked' });
    await simulation.time.advance(10 * minute);
    expect(await simulation.engine.advance('default', 'd')).toMatchObject({
      kind: 'declined',
      needs: 'strategy Staged@1',
    });
    await simulation.command('rollback');
    await simulation.time.advance(1_000);
    expect((await simulation.state()).summary.status).toBe('RolledBack');
  });

  it('wins over whatever the rollout does at the same moment', async () => {
    for (let afterMs = 0; afterMs < 800; afterMs += 10) {
      const simulation = await midway({ engines: 2 }, afterMs);
      await Promise.all([
        ...simulation.engines.map((engine) => engine.advance('default', 'd')),
        simulation.command('rollback'),
      ]);
      await simulation.finish(2 * minute);
      expect((await simulation.state()).summary.status).toBe('RolledBack');
      expect([simulation.sharePercent('v2'), nodesHold(simulation)]).toEqual([0, new Set(['v1'])]);
    }
  });
});

describe('abort', () => {
  it('of a deployment that was not executed ends at once', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.create({ strategy: 'Staged' });
    expect((await simulation.command('abort', { reason: 'wrong module' })).summary).toMatchObject({
      status: 'Cancelled',
      reason: 'wrong module',
    });
  });

  it('takes everything back and ends as Cancelled', async () => {
    const simulation = await midway();
    expect((await simulation.command('abort')).summary).toMatchObject({
      status: 'RollingBack',
      reason: 'Aborted by bob',
    });
    await simulation.time.advance(1_000);
    expect((await simulation.state()).summary.status).toBe('Cancelled');
    expect(nodesHold(simulation)).toEqual(new Set(['v1']));
  });

  it('inside a region of a regional rollout takes back every region', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.deploy({ strategy: 'ByRegion' });
    await simulation.time.advance(24 * minute);
    expect(simulation.sharePercent('v2')).toBeGreaterThan(20);
    await simulation.command('abort');
    await simulation.time.advance(1_000);
    expect(nodesHold(simulation)).toEqual(new Set(['v1']));
  });
});

describe('a failure', () => {
  it('that nothing catches brings the baseline back and says why', async () => {
    const simulation = await simulateRollout({
      strategies: testStrategies,
      strategy: 'Staged',
      script: { healthy: (node, id) => !(id === 'v2' && node.nodeId === 'us-east-2') },
    });
    const { summary } = await simulation.state();
    expect(summary).toMatchObject({ status: 'RolledBack', reason: 'Health checks failed at stage 50%' });
    const turned = simulation.journal().find((entry) => entry.type === 'turned');
    expect(turned).toMatchObject({ facts: { cause: 'health', nodes: [[6, 7]] } });
    expect(nodesHold(simulation)).toEqual(new Set(['v1']));
    expect(simulation.database.outbox).toContainEqual({
      deploymentId: 'd',
      severity: 'critical',
      text: 'greeter: Health checks failed at stage 50%',
    });
  });

  it('of a node that turns unhealthy within a bake ends the bake at once', async () => {
    const simulation = new Simulation({
      strategies: testStrategies,
      script: { recheckMs: 1_000, healthy: (_, id, now) => !(id === 'v2' && now >= Date.UTC(2026, 0, 1) + 2 * minute) },
    });
    await simulation.deploy({ strategy: 'Staged' });
    await simulation.time.advance(2 * minute + 5_000);
    expect((await simulation.state()).summary).toMatchObject({
      status: 'RolledBack',
      reason: 'Health checks failed at stage 10%',
    });
  });

  it('before anything was changed ends as Failed with nothing to restore (D-6)', async () => {
    const simulation = await simulateRollout({
      strategies: testStrategies,
      strategy: 'TwoSets',
      serves: (_, position) => position < 15,
    });
    expect((await simulation.state()).summary).toMatchObject({
      status: 'Failed',
      reason: 'Insufficient capacity for Green environment',
    });
    expect(journalOutline(simulation.journal())).toEqual([
      'created',
      'execute',
      'executed',
      'began fail',
      'failed: Insufficient capacity for Green environment',
      'closed: Failed',
    ]);
  });

  it('of a node that stays silent ends in time', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.deploy({ strategy: 'Staged' });
    simulation.fleet.disconnect('us-east-0');
    await simulation.finish();
    const { summary } = await simulation.state();
    expect(summary.status).toBe('RolledBack');
    expect(summary.reason).toBe('1 of 8 nodes did not get ready within 60 s (1 of them unreachable)');
  });

  it('that a strategy records itself stands in the journal even when it is caught', async () => {
    const proud = strategyOf('Proud', function* ({ targets }) {
      yield* deploy({ nodes: targets });
      yield* fail({ message: 'not good enough', cause: 'metrics', facts: { score: 3 } });
      return { status: 'Completed' };
    });
    const simulation = await simulateRollout({ strategies: [proud] });
    expect(simulation.journal().find((entry) => entry.type === 'ended' && !entry.result.ok)).toMatchObject({
      result: { failure: { message: 'not good enough', cause: 'metrics', facts: { score: 3 } } },
    });
    expect((await simulation.state()).summary).toMatchObject({ status: 'RolledBack', reason: 'not good enough' });
  });
});

describe('triggers', () => {
  const bad =
    (from: number, metrics: object = { errorRatePercent: 12 }): NonNullable<SimulationOptions['metrics']> =>
    ({ variant, now }) => ({
      ...healthyMetrics,
      ...(variant === 'v2' && now >= Date.UTC(2026, 0, 1) + from ? metrics : {}),
    });

  it.each([
    ['errors above 10 %', { errorRatePercent: 12 }, 'error_rate is 12 %, above the threshold of 10 %'],
    ['crashes above 5 %', { crashRatePercent: 6.5 }, 'crash_rate is 6.5 %, above the threshold of 5 %'],
    ['memory over its limit', { memoryRefusals: 1 }, 'memory_refusals is 1, above the threshold of 0'],
  ])('%s end the wait and bring the baseline back', async (_, metrics, reason) => {
    const simulation = await midway({ metrics: bad(2 * minute, metrics) }, 2 * minute + 10_000);
    expect((await simulation.state()).summary).toMatchObject({ status: 'RolledBack', reason });
    expect(simulation.journal().find((entry) => entry.type === 'ended' && !entry.result.ok)).toMatchObject({
      result: { failure: { cause: 'trigger' } },
    });
  });

  it.each([
    ['samples are too few', { errorRatePercent: 50, samples: 9 }],
    ['nothing was measured', { errorRatePercent: null, crashRatePercent: null, latency: null, samples: 0 }],
    ['a value is not a number', { errorRatePercent: Number.NaN }],
    ['the value is exactly the threshold', { errorRatePercent: 10 }],
  ])('do not fire when %s', async (_, metrics) => {
    const simulation = await midway({ metrics: bad(0, metrics) }, 20 * minute);
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('can look for what falls below a bound, and can be switched off', async () => {
    const slow: SimulationOptions = { strategies: testStrategies, metrics: bad(0, { errorRatePercent: 90 }) };
    const off = await simulateRollout({
      ...slow,
      strategy: 'Staged',
      spec: {
        autoRollback: {
          enabled: false,
          triggers: [{ metric: 'error_rate', threshold: 1, comparison: 'greater_than', minimumSamples: 0 }],
        },
      },
    });
    expect((await off.state()).summary.status).toBe('Completed');
    const below = await simulateRollout({
      ...slow,
      strategy: 'Staged',
      spec: {
        autoRollback: {
          enabled: true,
          triggers: [{ metric: 'error_rate', threshold: 95, comparison: 'less_than', minimumSamples: 0 }],
        },
      },
    });
    expect((await below.state()).summary.reason).toBe('error_rate is 90 %, below the threshold of 95 %');
  });

  it('look at the time since traffic last moved, on the nodes of their part', async () => {
    const simulation = await midway({}, 7 * minute);
    const routed = simulation
      .journal()
      .filter(
        (entry, n, all) =>
          entry.type === 'ended' &&
          all[n - 1]?.type === 'began' &&
          (all[n - 1] as { effect: { kind: string } }).effect.kind === 'shiftTraffic',
      );
    const asked = simulation.metrics.queries.filter(({ variant }) => variant === 'v2');
    expect(new Set(asked.map(({ since }) => since))).toEqual(new Set(routed.map(({ at }) => at)));
    expect(asked.every(({ nodes }) => JSON.stringify(nodes) === '[[0,20]]')).toBe(true);
  });

  it('stay live while a person has paused the rollout', async () => {
    const simulation = await midway({ metrics: bad(20 * minute) }, 3 * minute);
    await simulation.command('pause');
    await simulation.time.advance(16 * minute);
    expect((await simulation.state()).summary.status).toBe('Paused');
    await simulation.time.advance(2 * minute);
    expect((await simulation.state()).summary).toMatchObject({
      status: 'RolledBack',
      reason: 'error_rate is 12 %, above the threshold of 10 %',
    });
  });

  it('stay live while a strategy waits for its answer', async () => {
    const simulation = new Simulation({ strategies: testStrategies, metrics: bad(20 * minute) });
    await simulation.deploy({ strategy: 'Staged', config: { promoteByHand: true } });
    await simulation.time.advance(21 * minute);
    expect((await simulation.state()).summary.status).toBe('RolledBack');
  });

  it('restore only the region that they fire in', async () => {
    const simulation = await simulateRollout({
      strategies: testStrategies,
      strategy: 'ByRegion',
      metrics: ({ variant, nodes, now }) => ({
        ...healthyMetrics,
        errorRatePercent: variant === 'v2' && nodes[0]?.[0] === 4 && now < Date.UTC(2026, 0, 1) + 60 * minute ? 60 : 0,
      }),
    });
    const { summary, regions } = await simulation.state();
    expect(summary).toMatchObject({ status: 'PartiallyCompleted', failedNodes: regions['us-east'] });
    expect(simulation.sharePercent('v2')).toBe(50);
  });

  it('are not read before traffic has moved', async () => {
    const idle = strategyOf('Idle', function* ({ targets }) {
      yield* deploy({ nodes: targets });
      yield* wait({ forMs: minute, reason: 'no traffic yet' });
      return { status: 'Completed' };
    });
    const simulation = await simulateRollout({
      strategies: [idle],
      metrics: () => ({ ...healthyMetrics, errorRatePercent: 99 }),
    });
    expect((await simulation.state()).summary.status).toBe('Completed');
    expect(simulation.metrics.queries).toEqual([]);
  });
});
