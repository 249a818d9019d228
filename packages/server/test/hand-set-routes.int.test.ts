import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

describe('routes that are set by hand', () => {
  let test: TestServer;
  let agents: ScriptedAgent[];
  const releaseIds: string[] = [];

  beforeAll(async () => {
    test = await startTestServer();
    const { token: joinToken } = await test.client.nodes.createJoinToken({ uses: 3 });
    agents = ['edge-1', 'edge-2', 'edge-3'].map(
      (nodeId) => new ScriptedAgent({ url: test.url, nodeId, region: 'us-east', joinToken }),
    );
    await Promise.all(agents.map((agent) => agent.start()));
    for (const version of ['1.0.0', '1.1.0']) {
      await test.client.modules.register({ name: 'greeter', version, wasm: coreModule({ salt: version }) });
      let last = '';
      const created = await test.client.deployments.create({
        moduleId: `greeter-v${version}`,
        strategy: 'AllAtOnce',
        retention: 'PT1H',
      });
      releaseIds.push(created.releaseId);
      await test.client.deployments.execute(created.deploymentId);
      for await (const event of test.client.deployments.watch(created.deploymentId))
        if (event.kind === 'status') last = event.deployment.status;
      if (last !== 'Completed') throw new Error(`the deployment ended as ${last}`);
    }
  });

  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await test[Symbol.asyncDispose]();
  });

  const shares = async (): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await test.client.routes.get('greeter')).releases.map(({ version, percent }) => [version, percent]),
    );

  it('share requests between releases that are loaded, and put it on record', async () => {
    const [old = '', current = ''] = releaseIds;
    await test.client.routes.set('greeter', { weights: { [old]: 30, [current]: 70 } });
    expect(await shares()).toEqual({ '1.0.0': 30, '1.1.0': 70 });
    const versions = new Set<unknown>();
    await expect
      .poll(
        async () => {
          for (let i = 0; i < 30; i++) versions.add((await test.client.modules.invoke('greeter', 'greet')).result);
          return versions.size;
        },
        { timeout: 10_000 },
      )
      .toBe(2);
    await test.client.routes.set('greeter', { weights: { [current]: 100 } });
    expect(await shares()).toEqual({ '1.1.0': 100 });
    const { acts } = await test.client.audit.list({});
    expect(acts.filter(({ action }) => action === 'route.set').map(({ object }) => object)).toEqual([
      'greeter',
      'greeter',
    ]);
  });

  it('are refused for what is not loaded, for shares that are not 100, and while a deployment is at work', async () => {
    const [old = '', current = ''] = releaseIds;
    const set = (weights: Record<string, number>): Promise<unknown> => test.client.routes.set('greeter', { weights });
    await expect(set({ 'rel-nobody': 100 })).rejects.toMatchObject({
      code: 'HS_ROUTE_RELEASE_NOT_READY',
      message: expect.stringContaining(current) as string,
    });
    await expect(set({ [old]: 50, [current]: 40 })).rejects.toMatchObject({ code: 'HS_API_INVALID_REQUEST' });
    await expect(test.client.routes.set('stranger', { weights: { a: 100 } })).rejects.toMatchObject({
      code: 'HS_ROUTE_NOT_FOUND',
    });
    const { deploymentId } = await test.client.deployments.create({
      moduleId: 'greeter-v1.0.0',
      strategy: 'AllAtOnce',
    });
    await expect(set({ [current]: 100 })).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_ACTIVE' });
    await expect(test.client.routes.delete('greeter')).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_ACTIVE' });
    await test.client.deployments.abort(deploymentId);
    await expect(
      test.client.routes.set('greeter', { weights: { [current]: 100 } }, { ifMatch: '"old"' }),
    ).rejects.toMatchObject({ code: 'HS_API_STALE' });
  });

  it('are deleted with the module on every node', async () => {
    await test.client.routes.delete('greeter');
    expect((await test.client.routes.get('greeter')).targets).toEqual([]);
    await expect.poll(() => agents.map((agent) => agent.desired?.modules), { timeout: 10_000 }).toEqual([[], [], []]);
    await expect(test.client.modules.invoke('greeter', 'greet')).rejects.toMatchObject({ code: 'HS_ROUTE_NO_NODE' });
  });
});
