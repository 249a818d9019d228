import type { RouteView } from '@hotswap/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

describe('a node that is gone before it counts as unhealthy', () => {
  let test: TestServer;
  const agents: ScriptedAgent[] = [];

  beforeAll(async () => {
    test = await startTestServer();
    const { token } = await test.client.nodes.createJoinToken({ uses: 2 });
    for (const nodeId of ['edge-1', 'edge-2']) {
      const agent = new ScriptedAgent({ url: test.url, nodeId, region: 'eu', joinToken: token });
      agents.push(agent);
      await agent.start();
    }
  });
  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await test[Symbol.asyncDispose]();
  });

  const route = (): Promise<RouteView> => test.client.routes.get('greeter');
  async function rollOut(version: string, more: object = {}): Promise<string> {
    const { moduleId } = await test.client.modules.register({
      ...{ name: 'greeter', version, wasm: coreModule({ salt: version }) },
    });
    const { deploymentId } = await test.client.deployments.create({ moduleId, strategy: 'AllAtOnce', ...more });
    await test.client.deployments.execute(deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).status, { timeout: 10_000 })
      .toBe('Completed');
    return moduleId;
  }

  it('is shown without a share once a call has found it gone, as calls then go to others (NOD-8)', async () => {
    await rollOut('1.0.0');
    await rollOut('1.1.0', { nodeSelector: { name: 'Limit', options: { nodes: 1 } } });
    const versions = async (): Promise<Record<string, number>> =>
      Object.fromEntries((await route()).releases.map(({ version, percent }) => [version, percent]));
    expect(await versions()).toEqual({ '1.0.0': 50, '1.1.0': 50 });
    expect((await route()).targets.some((target) => 'isReachable' in target)).toBe(false);
    const young = (await route()).targets.find(({ moduleId }) => moduleId === 'greeter-v1.1.0')?.nodeId;
    await agents[young === 'edge-1' ? 0 : 1]?.stop();
    for (let call = 0; call < 20; call++)
      expect((await test.client.modules.invoke('greeter', 'greet')).result).toBe('greeter 1.0.0');
    expect(await versions()).toEqual({ '1.0.0': 100, '1.1.0': 0 });
    expect((await route()).targets.map(({ nodeId, isReachable }) => [nodeId, isReachable ?? true]).sort()).toEqual(
      ['edge-1', 'edge-2'].map((nodeId) => [nodeId, nodeId !== young]),
    );
    expect((await test.client.routes.list()).routes[0]?.releases.map(({ percent }) => percent).sort()).toEqual([
      0, 100,
    ]);
  });
});
