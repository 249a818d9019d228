import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wait, type Strategy } from '@hotswap/core';
import { z } from 'zod';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

/** A strategy that only some servers know. */
const rare: Strategy<unknown> = {
  name: 'Rare',
  version: 1,
  configSchema: z.strictObject({}),
  *rollout() {
    yield* wait({ forMs: 200, reason: 'for no reason' });
    return { status: 'Completed' };
  },
};

describe('a deployment without progress', () => {
  let dataDir: string;
  let test: TestServer;
  let agent: ScriptedAgent;

  const start = async (strategies: readonly Strategy<unknown>[], port = 0): Promise<void> => {
    test = await startTestServer({ dataDir, port }, { strategies, database: { dataDir: join(dataDir, 'database') } });
  };

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hotswap-stuck-'));
    await start([rare]);
    const { token } = await test.client.nodes.createJoinToken();
    agent = new ScriptedAgent({ url: test.url, nodeId: 'edge-1', region: 'us-east', joinToken: token });
    await agent.start();
    await test.client.modules.register({ name: 'greeter', version: '1.0.0', wasm: coreModule() });
  });

  afterAll(async () => {
    await agent.stop();
    await test[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('has half an hour beyond its own waits unless it says otherwise, and needs more than no time', async () => {
    const { deploymentId, progressDeadline, stuck } = await test.client.deployments.create({
      moduleId: 'greeter-v1.0.0',
      strategy: 'AllAtOnce',
    });
    expect([progressDeadline, stuck]).toEqual(['PT30M', false]);
    await test.client.deployments.abort(deploymentId);
    await expect(
      test.client.deployments.create({ moduleId: 'greeter-v1.0.0', progressDeadline: 'PT0S' }),
    ).rejects.toMatchObject({ code: 'HS_API_INVALID_REQUEST' });
  });

  it('is paused as stuck when its deadline has passed, shown as that, and can be rolled back (D-30)', async () => {
    const { deploymentId } = await test.client.deployments.create({
      moduleId: 'greeter-v1.0.0',
      strategy: 'Rare',
      progressDeadline: 'PT1S',
    });
    await test.client.deployments.execute(deploymentId);
    const { port } = new URL(test.url);
    await test.server.stop();
    await start([], Number(port));
    await expect
      .poll(() => test.client.deployments.get(deploymentId), { timeout: 10_000 })
      .toMatchObject({ status: 'Paused', stuck: true, progressDeadline: 'PT1S' });
    const listed = async (stuck: boolean): Promise<readonly string[]> =>
      (await test.client.deployments.list({ stuck })).deployments.map((one) => one.deploymentId);
    expect(await listed(true)).toEqual([deploymentId]);
    expect(await listed(false)).not.toContain(deploymentId);
    await test.client.deployments.rollback(deploymentId, { reason: 'it was stuck' });
    await expect
      .poll(() => test.client.deployments.get(deploymentId), { timeout: 10_000 })
      .toMatchObject({ status: 'RolledBack', stuck: false });
  });
});
