import { readSse } from '@hotswap/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const api = '/api/v1/wasm';

describe('a node that comes back in another region', () => {
  let test: TestServer;
  let agent: ScriptedAgent;
  const others: ScriptedAgent[] = [];
  const events: Record<string, unknown>[] = [];
  const leaving = new AbortController();

  beforeAll(async () => {
    test = await startTestServer();
    const joinToken = (await test.client.nodes.createJoinToken({ uses: 9 })).token;
    const join = async (nodeId: string, region: string): Promise<ScriptedAgent> => {
      const joined = new ScriptedAgent({ url: test.url, nodeId, region, joinToken });
      await joined.start();
      return joined;
    };
    agent = await join('edge-1', 'us-east');
    others.push(await join('edge-2', 'us-east'), await join('edge-3', 'eu-central'));
    void follow();
  });
  afterAll(async () => {
    leaving.abort();
    await Promise.all([agent, ...others].map((each) => each.stop()));
    await test[Symbol.asyncDispose]();
  });

  async function follow(): Promise<void> {
    try {
      const { body } = await fetch(`${test.url}${api}/events?topic=node.moved`, {
        headers: { authorization: `Bearer ${test.token}` },
        signal: leaving.signal,
      });
      for await (const { data } of readSse(body as unknown as AsyncIterable<Uint8Array>))
        if (data !== '') events.push(JSON.parse(data) as Record<string, unknown>);
    } catch {
      // The test is over.
    }
  }

  async function rollOut(name: string, version: string, module: object = {}, more: object = {}): Promise<void> {
    const wasm = coreModule({ salt: `${name} ${version}` });
    const { moduleId } = await test.client.modules.register({ name, version, wasm, ...module });
    const { deploymentId } = await test.client.deployments.create({ moduleId, strategy: 'AllAtOnce', ...more });
    await test.client.deployments.execute(deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).status, { timeout: 10_000 })
      .toBe('Completed');
  }

  /** What the agent was told to be, and gets requests for. */
  const held = (): readonly string[] =>
    (agent.desired?.modules ?? []).flatMap(({ releases }) =>
      releases.filter(({ weight }) => weight > 0).map(({ moduleId }) => moduleId),
    );
  const moveTo = async (region: string): Promise<number> =>
    (
      await test.send('PUT', `${api}/nodes/edge-1/session`, {
        token: agent.credential,
        body: { ...agent.registration(), region },
      })
    ).status;

  it('loses at once what must not be there, gets what belongs there, and all of it back when it returns', async () => {
    await rollOut('sovereign', '1.0.0', { allowedRegions: ['us-east'] });
    await rollOut('european', '1.0.0', { allowedRegions: ['eu-central'] });
    await rollOut('greeter', '1.0.0');
    await rollOut('greeter', '1.1.0', {}, { targetRegions: ['eu-central'] });
    await expect.poll(held).toEqual(['greeter-v1.0.0', 'sovereign-v1.0.0']);
    expect(await moveTo('eu-central')).toBe(200);
    const now = await test.client.nodes.get('edge-1');
    expect([now.region, now.deployedModules]).toEqual(['eu-central', ['greeter-v1.0.0']]);
    await expect.poll(() => agent.desired?.modules.map(({ moduleName }) => moduleName)).not.toContain('sovereign');
    expect((await test.client.routes.get('sovereign')).targets.map(({ nodeId }) => nodeId)).toEqual(['edge-2']);
    await expect.poll(held, { timeout: 10_000 }).toEqual(['european-v1.0.0', 'greeter-v1.1.0']);
    await expect
      .poll(() => events)
      .toEqual([
        {
          topic: 'node.moved',
          subject: 'edge-1',
          facts: {
            ...{ from: 'us-east', to: 'eu-central' },
            removed: [{ moduleName: 'sovereign', releaseId: expect.any(String) as string }],
          },
        },
      ]);
    expect(await moveTo('us-east')).toBe(200);
    await expect.poll(held, { timeout: 10_000 }).toEqual(['greeter-v1.0.0', 'sovereign-v1.0.0']);
    await expect.poll(() => events.length).toBe(2);
  });
});
