import { describe, expect, it } from 'vitest';
import { rolling } from '@hotswap/strategy-rolling';
import { allAtOnce } from '@hotswap/strategy-all-at-once';
import { blueGreen } from '@hotswap/strategy-blue-green';
import { canary } from '@hotswap/strategy-canary';
import { regional } from '@hotswap/strategy-regional';
import { healthyMetrics, Simulation, simulateRollout, stepThrough, type FleetScript } from '@hotswap/testing';
import { deploy, explainJournal, shiftTraffic, type NodeSet, type Strategy } from '@hotswap/core';

const minute = 60_000;
const strategies: readonly Strategy<unknown>[] = [regional(), canary(), rolling(), allAtOnce()];
const sick = (...regions: readonly string[]): FleetScript => ({
  healthy: (node, releaseId) => !(releaseId === 'v2' && regions.includes(node.region)),
});

/** Releases that the nodes of each region hold. */
function held(simulation: Simulation): Readonly<Record<string, string>> {
  const regions: Record<string, Set<string>> = {};
  for (const { nodeId, region } of simulation.database.nodes.values())
    (regions[region] ??= new Set()).add(simulation.fleet.loaded(nodeId).join('+') || '-');
  return Object.fromEntries(Object.entries(regions).map(([region, all]) => [region, [...all].join(' ')]));
}

/** When the first node of each region got traffic, in minutes since the start. */
function beginnings(simulation: Simulation): readonly (readonly [number, NodeSet | undefined])[] {
  const startedAt = simulation.journal()[0]?.at ?? 0;
  return simulation
    .journal()
    .flatMap((entry) =>
      entry.type === 'began' && entry.effect.kind === 'deploy'
        ? [[Math.floor((entry.at - startedAt) / minute), entry.effect.scope] as const]
        : [],
    );
}

describe('regional', () => {
  it('rolls a region out, watches it, and only then begins the next', () => {
    const { effects, outcome } = stepThrough(regional(), {
      nodes: 5,
      regions: { 'us-east': [[0, 3]], 'us-west': [[3, 5]] },
    });
    expect(effects.map(({ kind, scope }) => `${kind} ${JSON.stringify(scope)}`)).toEqual([
      ...['progress', 'deploy', 'verify', 'shiftTraffic', 'wait', 'verify', 'progress'].map(
        (kind) => `${kind} [[3,5]]`,
      ),
      ...['progress', 'deploy', 'verify', 'shiftTraffic', 'verify', 'progress'].map((kind) => `${kind} [[0,3]]`),
    ]);
    expect(effects.find(({ kind }) => kind === 'wait')?.input).toEqual({
      forMs: 600_000,
      reason: 'before us-east',
      watch: [[3, 5]],
      failure: 'Health checks failed in region us-west',
    });
    expect(outcome).toEqual({ status: 'Completed' });
  });

  it('waits between regions and not after the last', async () => {
    const simulation = await simulateRollout({ strategies, config: { interRegionDelay: 'PT20M' } });
    expect(beginnings(simulation)).toEqual([
      [0, [[14, 20]]],
      [20, [[4, 14]]],
      [40, [[0, 4]]],
    ]);
    const { summary } = await simulation.state();
    expect(((summary.endedAt ?? 0) - (summary.executedAt ?? 0)) / minute).toBeLessThan(41);
  });

  it('puts only a failed region back, goes on, and names both lists (D-9)', async () => {
    const simulation = await simulateRollout({ strategies, script: sick('us-east') });
    expect((await simulation.state()).summary).toMatchObject({
      status: 'PartiallyCompleted',
      progressPercent: 50,
      reason: 'Succeeded: us-west, eu-central; Failed: us-east (Health checks failed in region us-east)',
      failedNodes: [[4, 14]],
    });
    expect(held(simulation)).toEqual({ 'us-west': 'v2', 'us-east': 'v1', 'eu-central': 'v2' });
  });

  it('ends at a failed region when told to, and leaves the rest as it was', async () => {
    const simulation = await simulateRollout({
      strategies,
      script: sick('us-east'),
      config: { abortOnRegionFailure: true },
    });
    expect((await simulation.state()).summary).toMatchObject({
      status: 'PartiallyCompleted',
      progressPercent: 30,
      reason: 'Succeeded: us-west; Failed: us-east (Health checks failed in region us-east); Not begun: eu-central',
    });
    expect(held(simulation)).toEqual({ 'us-west': 'v2', 'us-east': 'v1', 'eu-central': 'v1' });
  });

  it.each([false, true])('is rolled back when no region succeeded (abortOnRegionFailure %s)', async (abort) => {
    const simulation = await simulateRollout({
      strategies,
      script: sick('us-east', 'us-west', 'eu-central'),
      config: { abortOnRegionFailure: abort },
    });
    expect((await simulation.state()).summary.status).toBe('RolledBack');
    expect(Object.values(held(simulation))).toEqual(['v1', 'v1', 'v1']);
    expect(simulation.sharePercent('v2')).toBe(0);
  });

  it('checks health during the delay, and puts the region back that turns sick in it (D-14)', async () => {
    const simulation = await simulateRollout({
      strategies,
      script: {
        recheckMs: 5_000,
        healthy: (node, id, now) => !(id === 'v2' && node.region === 'us-west' && now % (60 * minute) > 5 * minute),
      },
    });
    expect(beginnings(simulation)[1]?.[0]).toBe(5);
    expect(held(simulation)).toEqual({ 'us-west': 'v1', 'us-east': 'v2', 'eu-central': 'v2' });
  });

  it('puts only the region back whose metrics are over a threshold', async () => {
    const simulation = await simulateRollout({
      strategies,
      metrics: ({ nodes }) => ({ ...healthyMetrics, errorRatePercent: nodes.some(([from]) => from === 4) ? 50 : 0 }),
    });
    expect((await simulation.state()).summary.reason).toMatch(
      /^Succeeded: us-west, eu-central; Failed: us-east \(error_rate is 50/,
    );
    expect(held(simulation)).toEqual({ 'us-west': 'v2', 'us-east': 'v1', 'eu-central': 'v2' });
  });

  it('asks a person when a region cannot be put back', async () => {
    const simulation = new Simulation({
      strategies,
      script: {
        healthy: (node, releaseId) => !(node.region === 'us-east' && releaseId === 'v1'),
        loads: (node, releaseId) => !(node.region === 'us-east' && releaseId === 'v2'),
      },
    });
    await simulation.deploy();
    await simulation.time.advance(30 * minute);
    const { summary, accepts } = await simulation.state();
    expect(summary.status).toBe('Paused');
    expect(summary.reason).toMatch(/^Region us-east could not be put back: 10 nodes serve the version from before/);
    expect(accepts).toEqual(['retry', 'resume']);
    await simulation.command('resume');
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('PartiallyCompleted');
    expect(held(simulation)).toMatchObject({ 'us-west': 'v2', 'eu-central': 'v2' });
  });
});

describe('regional with off-peak hours', () => {
  it('begins each region in its own night, whatever the zone', async () => {
    const simulation = await simulateRollout({
      strategies,
      config: {
        offPeak: {
          'us-west': [{ timeZone: 'America/Los_Angeles', from: '01:00', to: '03:00' }],
          'us-east': [{ timeZone: 'America/New_York', from: '01:00', to: '03:00' }],
          'eu-central': [{ timeZone: 'Europe/Berlin', days: ['sat'], from: '01:00', to: '03:00' }],
        },
      },
      // Without triggers nobody looks each few seconds of these nights.
      spec: { autoRollback: { enabled: false, triggers: [] } },
      untilMs: 5 * 24 * 60 * minute,
    });
    const begun = simulation
      .journal()
      .flatMap((entry) =>
        entry.type === 'began' && entry.effect.kind === 'deploy' ? [new Date(entry.at).toISOString().slice(0, 16)] : [],
      );
    expect(begun).toEqual(['2026-01-01T09:00', '2026-01-02T06:00', '2026-01-03T00:00']);
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('can be begun early by a person, and does not count as stuck before', async () => {
    const simulation = new Simulation({ strategies });
    const never = { timeZone: 'UTC', days: ['wed'] as const, from: '23:00', to: '23:30' };
    await simulation.deploy({ config: { offPeak: { 'us-west': [never] } } });
    await simulation.time.advance(5 * 24 * 60 * minute);
    expect((await simulation.state()).summary).toMatchObject({ status: 'InProgress', running: { kind: 'wait' } });
    await simulation.command('promote');
    await simulation.time.advance(minute);
    expect(held(simulation)['us-west']).toBe('v1+v2');
  });
});

describe('off-peak hours that pass', () => {
  const night = { timeZone: 'America/Los_Angeles', from: '01:00', to: '03:00' };

  it('while a person holds the rollout are missed, and the next ones are waited for', async () => {
    const simulation = new Simulation({ strategies });
    await simulation.deploy({ config: { offPeak: { 'us-west': [night] } } });
    await simulation.time.advance(8 * 60 * minute);
    await simulation.command('pause');
    await simulation.time.advance(4 * 60 * minute);
    await simulation.command('resume');
    await simulation.time.advance(20 * 60 * minute);
    expect(beginnings(simulation)).toEqual([]);
    await simulation.time.advance(60 * minute);
    expect(beginnings(simulation)[0]?.[0]).toBe(33 * 60);
  });

  it('are in the words of the journal', async () => {
    const simulation = new Simulation({ strategies });
    await simulation.deploy({ config: { offPeak: { 'us-west': [{ ...night, days: ['sat', 'sun'] }] } } });
    await simulation.time.advance(minute);
    expect(explainJournal(simulation.journal()).at(-1)).toContain(
      'wait for off-peak hours of us-west, until it is 01:00-03:00 on sat, sun in America/Los_Angeles',
    );
  });
});

describe('regional with strategies inside', () => {
  it('keeps nodes spare where one of them does', () => {
    const inside = (placement: string): unknown => ({ strategy: 'BlueGreen', config: { placement } });
    const strategy = regional({ strategies: () => [blueGreen(), canary()] });
    const keeps = (config: unknown): boolean | undefined =>
      strategy.keepsSpareNodes?.(strategy.configSchema.parse(config));
    expect(keeps({})).toBe(false);
    expect(keeps({ inner: { strategy: 'Canary' } })).toBe(false);
    expect(keeps({ inner: inside('in-place') })).toBe(false);
    expect(keeps({ inner: { strategy: 'Canary' }, regions: { 'us-east': inside('separate') } })).toBe(true);
  });

  it('runs another one in each region', async () => {
    const simulation = await simulateRollout({
      strategies,
      config: {
        inner: { strategy: 'Canary', config: { stages: [50, 100], evaluationPeriod: 'PT1M' } },
        regions: { 'us-east': { strategy: 'Rolling', config: { batchSize: 5 } } },
      },
    });
    expect(beginnings(simulation).map(([, scope]) => JSON.stringify(scope))).toEqual([
      ...Array<string>(2).fill('[[14,20]]'),
      ...Array<string>(2).fill('[[4,14]]'),
      ...Array<string>(2).fill('[[0,4]]'),
    ]);
    expect((await simulation.state()).summary).toMatchObject({ status: 'Completed', progressPercent: 100 });
  });

  it('has failed, and taken nothing back, when no region had room for Green (D-6)', async () => {
    const simulation = await simulateRollout({
      strategies: [regional(), blueGreen()],
      config: { inner: { strategy: 'BlueGreen' } },
    });
    const { summary } = await simulation.state();
    expect(summary.status).toBe('Failed');
    expect(summary.reason).toContain('us-west (Insufficient capacity for Green environment)');
    expect(Object.values(held(simulation))).toEqual(['v1', 'v1', 'v1']);
  });

  it('asks the function that the inner configuration names', async () => {
    const simulation = await simulateRollout({
      strategies,
      config: { inner: { strategy: 'Canary', config: { healthCheckFunction: 'ping', failureThreshold: 7 } } },
    });
    const checks = simulation
      .journal()
      .flatMap((entry) =>
        entry.type === 'began' && entry.effect.kind === 'verify' ? [JSON.stringify(entry.effect.input.check)] : [],
      );
    const asked = JSON.stringify({ failureThreshold: 7, functionName: 'ping' });
    expect(checks.filter((check) => check === asked)).toHaveLength(12);
  });

  it('counts the nodes that an inner strategy left out', async () => {
    const simulation = new Simulation({
      strategies,
      script: { loads: (node, id) => !(id === 'v2' && node.nodeId === 'us-east-0') },
    });
    await simulation.deploy({ config: { inner: { strategy: 'Rolling', config: { batchSize: 2 } } } });
    await simulation.time.advance(30 * minute);
    await simulation.command('resume');
    await simulation.finish();
    expect((await simulation.state()).summary).toMatchObject({
      status: 'PartiallyCompleted',
      failedNodes: [[4, 6]],
      reason: 'Succeeded: us-west, us-east (8 of 10 nodes), eu-central',
    });
  });

  it('fails a region whose inner strategy took everything back, and one that keeps the old version', () => {
    const { effects, outcome } = stepThrough(regional(), {
      config: { inner: { strategy: 'Other' } },
      nodes: 6,
      regions: { a: [[0, 1]], b: [[1, 3]], c: [[3, 6]] },
      inner: function* (_, { targets }) {
        if (targets[0]?.[0] === 0) return { status: 'RolledBack' };
        if (targets[0]?.[0] === 1) return { status: 'Completed', message: 'Variant A won' };
        yield* deploy({ nodes: targets });
        yield* shiftTraffic({ percent: 100, to: targets, among: targets });
        return { status: 'Completed', retain: [{ forMs: 5, retire: targets }] };
      },
    });
    expect(outcome).toEqual({
      status: 'PartiallyCompleted',
      message: 'Succeeded: c; Failed: a (Other took everything back in region a), b (Variant A won)',
      failed: [[0, 3]],
      retain: [{ forMs: 5, retire: [[3, 6]] }, { retire: [[0, 3]] }],
    });
    expect(effects.filter(({ kind }) => kind === 'restore').map(({ scope }) => scope)).toEqual([[[0, 1]]]);
  });
});
