import { describe, expect, it } from 'vitest';
import { healthyMetrics, journalOutline, Simulation, simulateRollout } from '@hotswap/testing';
import { testStrategies } from './test-strategies.ts';

const minute = 60_000;
const latency = (averageMs: number) => ({
  ...healthyMetrics,
  latency: { averageMs, varianceMs2: 4, p50Ms: averageMs, p95Ms: averageMs, p99Ms: averageMs },
});

describe('two sets of nodes', () => {
  it('switch in one route, keep the first set for an hour, then retire it', async () => {
    const simulation = new Simulation({ strategies: testStrategies, serves: (_, position) => position < 10 });
    await simulation.deploy({ strategy: 'TwoSets' });
    await simulation.time.advance(minute);
    expect((await simulation.state()).summary.status).toBe('Completed');
    expect(simulation.sharePercent('v2')).toBe(100);
    const loaded = (): readonly string[] =>
      [...simulation.database.nodes.keys()].map((nodeId) => simulation.fleet.loaded(nodeId).join('+') || '-');
    expect(loaded()).toEqual([...Array<string>(10).fill('v1'), ...Array<string>(10).fill('v2')]);
    await simulation.finish();
    expect(loaded()).toEqual([...Array<string>(10).fill('-'), ...Array<string>(10).fill('v2')]);
  });

  it('switch back without loading anything', async () => {
    const simulation = new Simulation({ strategies: testStrategies, serves: (_, position) => position < 10 });
    await simulation.deploy({ strategy: 'TwoSets' });
    await simulation.time.advance(minute);
    await simulation.command('rollback');
    expect(simulation.sharePercent('v1')).toBe(100);
    await simulation.time.advance(1_000);
    expect((await simulation.state()).summary.status).toBe('RolledBack');
  });

  it('clean the second set up when its health fails', async () => {
    const simulation = await simulateRollout({
      strategies: testStrategies,
      strategy: 'TwoSets',
      serves: (_, position) => position < 10,
      script: { healthy: (_, id) => id !== 'v2' },
    });
    expect((await simulation.state()).summary).toMatchObject({
      status: 'RolledBack',
      reason: 'Green environment health checks failed',
    });
    expect(
      [...simulation.database.nodes.keys()].flatMap((nodeId) => simulation.fleet.loaded(nodeId)).includes('v2'),
    ).toBe(false);
  });
});

describe('regions one after the other', () => {
  it('run another strategy in each, with progress that rises from region to region', async () => {
    const simulation = await simulateRollout({
      strategies: testStrategies,
      strategy: 'ByRegion',
      config: { order: ['us-west', 'mars', 'eu-central', 'us-east'] },
    });
    expect((await simulation.state()).summary.status).toBe('Completed');
    const percents = simulation
      .journal()
      .flatMap((entry) =>
        entry.type === 'began' && entry.effect.kind === 'progress' ? [entry.effect.input.percent] : [],
      );
    expect(percents).toEqual([8, 33, 41, 66, 74, 100]);
    const scopes = simulation
      .journal()
      .flatMap((entry) =>
        entry.type === 'began' && entry.effect.kind === 'deploy' ? [JSON.stringify(entry.effect.scope)] : [],
      );
    expect(scopes).toEqual(['[[14,20]]', '[[14,20]]', '[[0,4]]', '[[0,4]]', '[[4,14]]', '[[4,14]]']);
  });

  it('put only a failed region back and go on', async () => {
    const simulation = await simulateRollout({
      strategies: testStrategies,
      strategy: 'ByRegion',
      script: { loads: (node, id) => !(id === 'v2' && node.region === 'us-east') },
    });
    const { summary, regions } = await simulation.state();
    expect(summary).toMatchObject({
      status: 'PartiallyCompleted',
      progressPercent: 50,
      failedNodes: regions['us-east'],
    });
    for (const node of simulation.database.nodes.values())
      expect(simulation.fleet.loaded(node.nodeId)).toEqual([node.region === 'us-east' ? 'v1' : 'v2']);
  });

  it('stop after a failed region when told to', async () => {
    const simulation = await simulateRollout({
      strategies: testStrategies,
      strategy: 'ByRegion',
      config: { abortOnRegionFailure: true },
      script: { loads: (node, id) => !(id === 'v2' && node.region === 'us-east') },
    });
    expect((await simulation.state()).summary).toMatchObject({
      status: 'PartiallyCompleted',
      reason: 'us-east failed',
    });
    expect(simulation.fleet.loaded('us-west-0')).toEqual(['v1']);
  });

  it('end as RolledBack when every region failed', async () => {
    const simulation = await simulateRollout({
      strategies: testStrategies,
      strategy: 'ByRegion',
      script: { loads: (_, id) => id !== 'v2' },
    });
    expect((await simulation.state()).summary).toMatchObject({ status: 'RolledBack', reason: 'Every region failed' });
  });

  it('alert whoever has to know when none of them has kept the release', async () => {
    const simulation = await simulateRollout({
      strategies: testStrategies,
      strategy: 'ByRegion',
      script: { loads: (_, id) => id !== 'v2' },
    });
    expect(simulation.database.outbox.filter(({ severity }) => severity === 'critical')).toMatchObject([
      { text: 'greeter: Every region failed' },
    ]);
  });
});

describe('two variants side by side', () => {
  it.each([
    ['B when it is better', 15, 5_000, 'B', 'Variant B won', 100],
    ['A when B is worse', 30, 5_000, 'A', 'Variant A won', 0],
    ['nobody when the difference is small', 20.5, 5_000, 'Inconclusive', 'Inconclusive', 0],
    ['nobody when calls are few', 5, 100, 'Inconclusive', 'Inconclusive', 0],
  ] as const)('prefer %s', async (_, averageMs, samples, verdict, reason, share) => {
    const simulation = await simulateRollout({
      strategies: testStrategies,
      strategy: 'Compared',
      metrics: ({ variant }) => ({ ...latency(variant === 'v2' ? averageMs : 20), samples }),
    });
    expect((await simulation.state()).summary).toMatchObject({ status: 'Completed', verdict, reason });
    expect(simulation.sharePercent('v2')).toBe(share);
  });

  it('wait for a person when told to', async () => {
    const simulation = new Simulation({ strategies: testStrategies, metrics: () => latency(20) });
    await simulation.deploy({ strategy: 'Compared', config: { onInconclusive: 'pause' } });
    await simulation.time.advance(3 * 60 * minute);
    expect((await simulation.state()).accepts).toEqual(['promote']);
    await simulation.command('promote');
    await simulation.finish();
    expect(simulation.sharePercent('v2')).toBe(100);
  });
});

describe('targets', () => {
  it('all offline pause the deployment before anything is frozen, and resume goes on (D-6)', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.create({ strategy: 'Staged' });
    const nodes = [...simulation.database.nodes.keys()];
    for (const nodeId of nodes) simulation.fleet.disconnect(nodeId);
    const { summary } = await simulation.command('execute');
    expect(summary).toMatchObject({
      status: 'Paused',
      reason: 'All 20 nodes in any region are offline: resume when they are back',
    });
    await simulation.command('resume');
    expect((await simulation.state()).summary.status).toBe('Paused');
    for (const nodeId of nodes) simulation.fleet.connect(nodeId);
    expect((await simulation.command('resume')).summary.status).toBe('InProgress');
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('all offline for a day cancel the deployment, and that is told as what it is', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    for (const nodeId of simulation.database.nodes.keys()) simulation.fleet.disconnect(nodeId);
    await simulation.deploy({ strategy: 'Staged' });
    await simulation.time.advance(25 * 60 * minute);
    expect((await simulation.state()).summary).toMatchObject({
      status: 'Cancelled',
      reason: 'All its nodes were offline, and nobody resumed it in time',
    });
  });

  it('that all go offline on the way pause the rollout, and a resume gives them their time again', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.deploy({ strategy: 'Staged' });
    await simulation.time.advance(4 * minute);
    const nodes = [...simulation.database.nodes.keys()];
    for (const nodeId of nodes) simulation.fleet.disconnect(nodeId);
    await simulation.time.advance(30 * minute);
    const { held, summary } = await simulation.state();
    expect([summary.status, held?.why]).toEqual(['Paused', 'offline']);
    for (const nodeId of nodes) simulation.fleet.connect(nodeId);
    await simulation.command('resume');
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('that do not exist refuse the execute', async () => {
    const simulation = new Simulation({ strategies: testStrategies, nodes: {} });
    await simulation.create({ strategy: 'Staged' });
    await expect(simulation.command('execute')).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_NO_TARGETS' });
    const picky = new Simulation({ strategies: testStrategies, selector: { name: 'picky', select: () => [] } });
    await picky.create({ strategy: 'Staged' });
    await expect(picky.command('execute')).rejects.toThrow('the selector picky chose none of 20 nodes');
    expect((await picky.state()).summary.status).toBe('Pending');
  });

  it('are frozen at execute: who joins, leaves or is disabled later changes nothing', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.deploy({ strategy: 'Staged' });
    simulation.database.addNode({ nodeId: 'us-east-99', region: 'us-east' });
    simulation.database.setEnabled('us-west-1', false);
    await simulation.finish();
    expect((await simulation.state()).targets).toHaveLength(20);
    expect(simulation.fleet.loaded('us-east-99')).toEqual([]);
    expect(simulation.fleet.loaded('us-west-1')).toEqual(['v2']);
  });

  it('of chosen regions, in the order that the selector gives', async () => {
    const simulation = new Simulation({
      strategies: testStrategies,
      selector: { name: 'backwards', select: (nodes) => nodes.map(({ nodeId }) => nodeId).reverse() },
    });
    const { targets, regions } = await simulation.deploy({
      strategy: 'Staged',
      spec: { regions: ['us-west', 'eu-central'] },
    });
    expect(targets).toHaveLength(10);
    expect(targets[0]).toBe('us-west-5');
    expect(regions).toEqual({ 'us-west': [[0, 6]], 'eu-central': [[6, 10]] });
  });
});

describe('a new deployment of a module', () => {
  it('is refused while one is at work, and ends the retention of the one before when it is executed', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.deploy({ strategy: 'Staged', config: { stages: [100], bakeMs: 1_000 } });
    await expect(
      simulation.create({
        strategy: 'Staged',
        spec: { deploymentId: 'next', releaseId: 'v3', moduleId: 'greeter-v3' },
      }),
    ).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_ACTIVE' });
    await simulation.time.advance(minute);
    expect(simulation.fleet.loaded('us-east-0')).toEqual(['v1', 'v2']);
    await simulation.deploy({
      strategy: 'Staged',
      spec: { deploymentId: 'next', releaseId: 'v3', moduleId: 'greeter-v3' },
    });
    expect(simulation.journal().at(-1)).toMatchObject({
      type: 'closed',
      status: 'Completed',
      facts: { replacedBy: 'next' },
    });
    await expect(simulation.command('rollback')).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_COMMAND_REFUSED' });
    await simulation.time.advance(10_000);
    expect(simulation.fleet.loaded('us-east-0')).toEqual(['v2']);
    await simulation.command('rollback', { deploymentId: 'next' });
    await simulation.time.advance(1_000);
    expect((await simulation.state('next')).summary.status).toBe('RolledBack');
    expect(simulation.sharePercent('v2')).toBe(100);
  });

  it('has to wait until the one before is rolled back', async () => {
    const simulation = new Simulation({ strategies: testStrategies, script: { latencyMs: () => 5_000 } });
    await simulation.deploy({ strategy: 'Staged', config: { stages: [100], bakeMs: 1_000 } });
    await simulation.time.advance(2 * minute);
    await simulation.create({
      strategy: 'Staged',
      spec: { deploymentId: 'next', releaseId: 'v3', moduleId: 'greeter-v3' },
    });
    await simulation.command('rollback');
    await expect(simulation.command('execute', { deploymentId: 'next' })).rejects.toMatchObject({
      code: 'HS_DEPLOYMENT_ACTIVE',
    });
    await simulation.time.advance(minute);
    await simulation.command('execute', { deploymentId: 'next' });
    expect(journalOutline(simulation.journal('next'))).toEqual(['created', 'execute', 'executed']);
  });
});

describe('a router that is slow to follow', () => {
  it('holds the bake back until it serves the route', async () => {
    let lag = 0;
    const simulation: Simulation = new Simulation({
      strategies: testStrategies,
      router: {
        name: 'slow',
        spansNodes: true,
        servedRevision: async (tenant, name) => (await simulation.fleetReader.routeRevision(tenant, name)) - lag,
      },
    });
    lag = 1;
    await simulation.deploy({ strategy: 'Staged' });
    await simulation.time.advance(20_000);
    expect((await simulation.state()).summary.running?.kind).toBe('shiftTraffic');
    lag = 0;
    await simulation.engine.advance('default', 'd');
    expect((await simulation.state()).summary.running?.kind).toBe('wait');
    lag = 1;
    await simulation.finish();
    expect((await simulation.state()).summary.reason).toBe('The router did not serve revision 2 within 30 s');
  });

  it('without nodes to choose between splits on each node of a stage', async () => {
    const simulation = new Simulation({
      strategies: testStrategies,
      router: { name: 'none', spansNodes: false, servedRevision: async () => null },
    });
    await simulation.deploy({ strategy: 'Staged', config: { stages: [25, 100] } });
    await simulation.time.advance(minute);
    const weights = simulation.database
      .desired('eu-central-0')
      .modules[0]?.releases.map(({ releaseId, weight }) => [releaseId, weight]);
    expect(weights).toEqual([
      ['v1', 0],
      ['v2', 100],
    ]);
    expect(simulation.sharePercent('v2')).toBe(25);
  });
});
