import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '@hotswap/core';
import type { DeploymentView, CreateDeploymentRequest } from '@hotswap/protocol';
import { ScriptedAgent, type ScriptedRelease } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const nodes = [
  ['edge-1', 'us-east'],
  ['edge-2', 'us-east'],
  ['edge-3', 'us-west'],
  ['edge-4', 'us-west'],
  ['edge-5', 'eu-central'],
  ['edge-6', 'eu-central'],
] as const;
const over = ['Completed', 'PartiallyCompleted', 'RolledBack', 'Failed', 'Cancelled', 'Paused'];

describe('strategies on a server with six agents', () => {
  let test: TestServer;
  let agents: ScriptedAgent[];
  /** Nodes on which a module version is sick. */
  const sick = new Map<string, readonly string[]>();

  beforeAll(async () => {
    test = await startTestServer();
    const { token } = await test.client.nodes.createJoinToken({ uses: nodes.length });
    agents = nodes.map(
      ([nodeId, region]) =>
        new ScriptedAgent({
          url: test.url,
          nodeId,
          region,
          joinToken: token,
          releases: ({ moduleId }): ScriptedRelease =>
            sick.get(moduleId)?.includes(nodeId) === true ? { health: 'unhealthy' } : {},
        }),
    );
    await Promise.all(agents.map((agent) => agent.start()));
  });

  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await test[Symbol.asyncDispose]();
  });

  const register = async (name: string, ...versions: readonly string[]): Promise<void> => {
    for (const version of versions)
      await test.client.modules.register({ name, version, wasm: coreModule({ salt: `${name} ${version}` }) });
  };

  const rollOut = async (request: CreateDeploymentRequest): Promise<DeploymentView> => {
    const { deploymentId } = await test.client.deployments.create(request);
    await test.client.deployments.execute(deploymentId);
    return ended(deploymentId);
  };

  const ended = async (deploymentId: string): Promise<DeploymentView> => {
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).status, { timeout: 30_000, interval: 50 })
      .toSatisfy((status: string) => over.includes(status));
    return test.client.deployments.get(deploymentId);
  };

  const serving = async (name: string): Promise<readonly string[]> =>
    (await test.client.routes.get(name)).targets
      .map(({ nodeId, moduleId }) => `${nodeId} ${moduleId.slice(-6)}`)
      .sort();

  it('are listed with what they are recommended for', async () => {
    const { environment, recommended, strategies } = await test.client.strategies.list();
    expect([environment, recommended]).toEqual(['Development', 'Rolling']);
    expect(strategies.map(({ name }) => name)).toEqual([
      'ABTesting',
      'AllAtOnce',
      'BlueGreen',
      'Canary',
      'Regional',
      'Rolling',
    ]);
    expect(strategies.find(({ name }) => name === 'BlueGreen')?.recommendedFor).toEqual([
      'hotfix: quick deployment and rollback',
    ]);
  });

  it('are what the environment recommends where a request names none', async () => {
    await register('plain', '1.0.0');
    const recommended = await test.client.deployments.create({ moduleId: 'plain-v1.0.0' });
    expect(recommended.strategy).toBe('Rolling');
    await test.client.deployments.abort(recommended.deploymentId);
    const config = { initialPercentage: 10, incrementPercentage: 25, evaluationPeriod: 'PT5M' };
    const canary = await test.client.deployments.create({ moduleId: 'plain-v1.0.0', canaryConfig: config });
    expect(canary.strategy).toBe('Canary');
    await test.client.deployments.abort(canary.deploymentId);
  });

  it('switch from Blue to Green on free nodes, and back without loading anything (STR-4)', async () => {
    await register('blue', '1.0.0', '1.1.0');
    await rollOut({ moduleId: 'blue-v1.0.0', strategy: 'AllAtOnce', targetRegions: ['us-east', 'us-west'] });
    expect(await serving('blue')).toEqual(['edge-1 v1.0.0', 'edge-2 v1.0.0', 'edge-3 v1.0.0', 'edge-4 v1.0.0']);
    expect(await rollOut({ moduleId: 'blue-v1.1.0', strategy: 'BlueGreen' })).toMatchObject({
      status: 'Failed',
      reason: 'Insufficient capacity for Green environment',
    });
    expect(await serving('blue')).toEqual(['edge-1 v1.0.0', 'edge-2 v1.0.0', 'edge-3 v1.0.0', 'edge-4 v1.0.0']);
    await register('few', '1.0.0', '1.1.0');
    await rollOut({ moduleId: 'few-v1.0.0', strategy: 'AllAtOnce', targetRegions: ['us-east'] });
    const switched = await rollOut({
      moduleId: 'few-v1.1.0',
      strategy: 'BlueGreen',
      targetRegions: ['us-east', 'us-west'],
    });
    expect(switched.status).toBe('Completed');
    expect(await serving('few')).toEqual(['edge-3 v1.1.0', 'edge-4 v1.1.0']);
    await test.client.deployments.rollback(switched.deploymentId, { reason: 'complaints' });
    expect(await serving('few')).toEqual(['edge-1 v1.0.0', 'edge-2 v1.0.0']);
    await expect
      .poll(async () => (await test.client.deployments.get(switched.deploymentId)).status, { timeout: 10_000 })
      .toBe('RolledBack');
  });

  it('put a sick region back alone (STR-6)', async () => {
    await register('round', '1.0.0', '1.1.0');
    await rollOut({ moduleId: 'round-v1.0.0', strategy: 'AllAtOnce' });
    sick.set('round-v1.1.0', ['edge-2']);
    const deployment = await rollOut({
      moduleId: 'round-v1.1.0',
      strategy: 'Regional',
      strategyConfig: {
        interRegionDelay: 'PT0.2S',
        regions: { 'eu-central': { strategy: 'Canary', config: { stages: [50, 100], evaluationPeriod: 'PT0.1S' } } },
      },
    });
    expect(deployment).toMatchObject({
      status: 'PartiallyCompleted',
      reason: 'Succeeded: us-west, eu-central; Failed: us-east (Health checks failed in region us-east)',
    });
    expect(await serving('round')).toEqual([
      'edge-1 v1.0.0',
      'edge-2 v1.0.0',
      'edge-3 v1.1.0',
      'edge-4 v1.1.0',
      'edge-5 v1.1.0',
      'edge-6 v1.1.0',
    ]);
  });

  it('that name a region without any node are refused, but for an order (D-14)', async () => {
    await register('elsewhere', '1.0.0');
    const night = [{ timeZone: 'Europe/Berlin', from: '02:00', to: '05:00' }];
    const create = async (strategyConfig: Json): Promise<DeploymentView> =>
      test.client.deployments.create({ moduleId: 'elsewhere-v1.0.0', strategy: 'Regional', strategyConfig });
    await expect(create({ offPeak: { 'eu-centrl': night } })).rejects.toMatchObject({
      code: 'HS_SELECT_UNKNOWN_REGION',
      details: { errors: [{ pointer: '/strategyConfig/offPeak/eu-centrl' }] },
    });
    await expect(create({ regions: { mars: { strategy: 'Canary' } } })).rejects.toMatchObject({
      details: { errors: [{ pointer: '/strategyConfig/regions/mars' }] },
    });
    const { deploymentId } = await create({ regionOrder: ['mars', 'us-west'], offPeak: { 'eu-central': night } });
    await test.client.deployments.abort(deploymentId);
  });

  it('inside regions are refused where they would refuse themselves', async () => {
    await register('nested', '1.0.0');
    await expect(
      test.client.deployments.create({
        moduleId: 'nested-v1.0.0',
        strategy: 'Regional',
        strategyConfig: { inner: { strategy: 'Canary', config: { stages: [50, 20, 100] } } },
      }),
    ).rejects.toMatchObject({
      code: 'HS_STRATEGY_INVALID_CONFIG',
      details: { errors: [{ pointer: '/strategyConfig/inner/config/stages/1' }] },
    });
  });
});
