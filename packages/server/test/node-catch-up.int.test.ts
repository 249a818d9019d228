import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

describe('nodes that join or were away', () => {
  let test: TestServer;
  let joinToken: string;
  const agents: ScriptedAgent[] = [];

  beforeAll(async () => {
    test = await startTestServer();
    joinToken = (await test.client.nodes.createJoinToken({ uses: 20 })).token;
    for (const [nodeId, region] of [
      ['edge-1', 'us-east'],
      ['edge-2', 'us-east'],
      ['edge-3', 'eu-central'],
    ] as const)
      await join(nodeId, region);
  });

  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await test[Symbol.asyncDispose]();
  });

  async function join(nodeId: string, region: string, cannotLoad = 'nothing'): Promise<void> {
    const agent = new ScriptedAgent({
      ...{ url: test.url, nodeId, region, joinToken },
      releases: ({ moduleId }) => ({ broken: moduleId.startsWith(cannotLoad) }),
    });
    agents.push(agent);
    await agent.start();
  }

  async function rollOut(name: string, version: string, more: object = {}): Promise<string> {
    await test.client.modules.register({ name, version, wasm: coreModule({ salt: `${name} ${version}` }) });
    const { deploymentId } = await test.client.deployments.create({
      moduleId: `${name}-v${version}`,
      strategy: 'AllAtOnce',
      ...more,
    });
    await test.client.deployments.execute(deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).status, { timeout: 10_000 })
      .toBe('Completed');
    return deploymentId;
  }

  /** Version that each node gets requests for, by node. */
  const served = async (name: string): Promise<Record<string, string>> =>
    Object.fromEntries(
      (await test.client.routes.get(name)).targets.map(({ nodeId, moduleId }) => [
        nodeId,
        moduleId.slice(moduleId.lastIndexOf('-v') + 2),
      ]),
    );

  it('are brought to the release of their region, and get requests only once they have loaded it', async () => {
    const deploymentId = await rollOut('greeter', '1.0.0');
    await join('edge-4', 'us-east');
    await expect
      .poll(() => served('greeter'), { timeout: 10_000 })
      .toEqual({ 'edge-1': '1.0.0', 'edge-2': '1.0.0', 'edge-3': '1.0.0', 'edge-4': '1.0.0' });
    expect((await test.client.deployments.get(deploymentId)).outstanding).toBeUndefined();
    const { result } = await test.client.modules.invoke('greeter', 'greet');
    expect(result).toBe('greeter 1.0.0');
    const { acts } = await test.client.audit.list({ object: 'greeter' });
    const caughtUp = acts.filter(({ actor }) => actor === 'engine:catch-up');
    expect(caughtUp.map(({ action, facts }) => [action, (facts as { nodes: unknown }).nodes])).toEqual([
      ['node.catch-up', ['edge-4']],
      ['node.caught-up', ['edge-4']],
    ]);
  });

  it('are left alone while disabled, shown as outstanding, and caught up afterwards', async () => {
    await test.client.nodes.update('edge-2', { isEnabled: false });
    const deploymentId = await rollOut('greeter', '1.1.0');
    expect((await test.client.deployments.get(deploymentId)).nodes?.map(({ nodeId }) => nodeId)).not.toContain(
      'edge-2',
    );
    expect(await served('greeter')).toMatchObject({ 'edge-1': '1.1.0', 'edge-2': '1.0.0' });
    await test.client.nodes.update('edge-2', { isEnabled: true });
    await expect.poll(() => served('greeter'), { timeout: 10_000 }).toMatchObject({ 'edge-2': '1.1.0' });
  });

  it('that cannot load it are shown with the reason, and get no requests', async () => {
    const deploymentId = await rollOut('fragile', '1.0.0');
    await join('edge-5', 'eu-central', 'fragile');
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).outstanding, { timeout: 10_000 })
      .toEqual([expect.objectContaining({ nodeId: 'edge-5', region: 'eu-central', state: 'failed' })]);
    expect(await served('fragile')).not.toHaveProperty('edge-5');
  });

  it('are left alone where the deployment would not have chosen them, or says so', async () => {
    const chosen = await rollOut('chosen', '1.0.0', {
      nodeSelector: { name: 'Regions', options: { in: ['us-east'] } },
    });
    await rollOut('regional', '1.0.0', { targetRegions: ['us-east'] });
    await rollOut('left', '1.0.0', { joiners: 'leave' });
    await rollOut('spare', '1.0.0', { strategy: 'BlueGreen' });
    await rollOut('last', '1.0.0');
    await join('edge-6', 'eu-central');
    await expect.poll(() => served('last'), { timeout: 10_000 }).toHaveProperty('edge-6');
    for (const name of ['chosen', 'regional', 'left', 'spare']) expect(await served(name)).not.toHaveProperty('edge-6');
    expect((await test.client.deployments.get(chosen)).outstanding).toContainEqual({
      nodeId: 'edge-6',
      region: 'eu-central',
      state: 'waiting',
    });
  });

  it('never get a module that must not leave other regions', async () => {
    await test.client.modules.register({
      name: 'sovereign',
      version: '1.0.0',
      allowedRegions: ['eu-central'],
      wasm: coreModule({ salt: 'sovereign' }),
    });
    const moduleId = 'sovereign-v1.0.0';
    await expect(
      test.client.deployments.create({ moduleId, strategy: 'AllAtOnce', targetRegions: ['eu-central', 'us-east'] }),
    ).rejects.toMatchObject({ code: 'HS_SELECT_REGION_FORBIDDEN' });
    const { deploymentId } = await test.client.deployments.create({ moduleId, strategy: 'AllAtOnce' });
    await test.client.deployments.execute(deploymentId);
    await expect.poll(() => served('sovereign'), { timeout: 10_000 }).toHaveProperty('edge-3');
    await join('edge-8', 'us-east');
    await join('edge-9', 'eu-central');
    await expect.poll(() => served('sovereign'), { timeout: 10_000 }).toHaveProperty('edge-9');
    expect(Object.keys(await served('sovereign')).sort()).toEqual(['edge-3', 'edge-5', 'edge-6', 'edge-9']);
  });

  it('are no concern of a rollout that is under way: they catch up when it has ended', async () => {
    await rollOut('busy', '1.0.0');
    await test.client.modules.register({ name: 'busy', version: '2.0.0', wasm: coreModule({ salt: 'busy 2.0.0' }) });
    const { deploymentId } = await test.client.deployments.create({
      moduleId: 'busy-v2.0.0',
      strategy: 'Canary',
      strategyConfig: { stages: [50, 100], evaluationPeriod: 'PT0.2S', autoPromote: false },
    });
    await test.client.deployments.execute(deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).status, { timeout: 10_000 })
      .toBe('Paused');
    await join('edge-7', 'us-east');
    await rollOut('after', '1.0.0');
    expect(await served('busy')).not.toHaveProperty('edge-7');
    await test.client.deployments.promote(deploymentId);
    await expect.poll(() => served('busy'), { timeout: 20_000 }).toMatchObject({ 'edge-7': '2.0.0' });
  });

  it('get what serves after an experiment that the new version did not win', async () => {
    await rollOut('tried', '1.0.0');
    await test.client.modules.register({ name: 'tried', version: '2.0.0', wasm: coreModule({ salt: 'tried 2.0.0' }) });
    const { deploymentId } = await test.client.deployments.create({
      moduleId: 'tried-v2.0.0',
      strategy: 'ABTesting',
      strategyConfig: {
        placement: 'in-place',
        experimentDuration: 'PT1S',
        lookInterval: 'PT0.5S',
        minimumSampleSize: 10,
        onInconclusive: 'rollback',
      },
    });
    await test.client.deployments.execute(deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).verdict, { timeout: 20_000 })
      .toBe('Inconclusive');
    await join('edge-8', 'us-east');
    await expect.poll(() => served('tried'), { timeout: 20_000 }).toMatchObject({ 'edge-8': '1.0.0' });
  });
});
