import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DesiredRelease } from '@hotswap/core';
import type { DeploymentEvent, DeploymentView } from '@hotswap/protocol';
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

describe('a server with six agents', () => {
  let test: TestServer;
  let agents: ScriptedAgent[];
  const scripts = new Map<string, ScriptedRelease>();

  beforeAll(async () => {
    test = await startTestServer();
    const { token } = await test.client.nodes.createJoinToken({ uses: nodes.length });
    const releases = (release: DesiredRelease): ScriptedRelease => scripts.get(release.moduleId) ?? {};
    agents = nodes.map(
      ([nodeId, region]) => new ScriptedAgent({ url: test.url, nodeId, region, joinToken: token, releases }),
    );
    await Promise.all(agents.map((agent) => agent.start()));
  });

  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await test[Symbol.asyncDispose]();
  });

  const register = (version: string, name = 'greeter') =>
    test.client.modules.register({ name, version, wasm: coreModule({ salt: `${name} ${version}` }) });

  const rollOut = async (
    moduleId: string,
    strategy: string,
    strategyConfig: object = {},
  ): Promise<DeploymentEvent[]> => {
    const { deploymentId } = await test.client.deployments.create({
      moduleId,
      strategy,
      strategyConfig: strategyConfig as never,
    });
    await test.client.deployments.execute(deploymentId);
    const events: DeploymentEvent[] = [];
    for await (const event of test.client.deployments.watch(deploymentId)) events.push(event);
    return events;
  };
  const last = (events: readonly DeploymentEvent[]): DeploymentView => {
    const found = events.findLast((event) => event.kind === 'status');
    if (found?.kind !== 'status') throw new Error('the stream had no status');
    return found.deployment;
  };

  it('shows the nodes that joined, and lets the join token be used that often only', async () => {
    const { nodes: shown } = await test.client.nodes.list();
    expect(shown.map((node) => [node.nodeId, node.status])).toEqual([
      ['edge-5', 'Healthy'],
      ['edge-6', 'Healthy'],
      ['edge-1', 'Healthy'],
      ['edge-2', 'Healthy'],
      ['edge-3', 'Healthy'],
      ['edge-4', 'Healthy'],
    ]);
    expect((await test.client.nodes.list({ region: 'us-west' })).nodes).toHaveLength(2);
  });

  it('rolls the first version out to all nodes at once and routes calls to it', async () => {
    await register('1.0.0');
    const events = await rollOut('greeter-v1.0.0', 'AllAtOnce');
    expect(last(events)).toMatchObject({ status: 'Completed', progressPercent: 100 });
    const answer = await test.client.modules.invoke('greeter', 'greet', { args: ['x'] });
    expect(answer).toMatchObject({ result: 'greeter 1.0.0', moduleId: 'greeter-v1.0.0' });
    expect(nodes.map(([nodeId]) => nodeId)).toContain(answer.nodeId);
  });

  it('runs a canary under load to its end without dropping a call', async () => {
    await register('2.0.0');
    let isDone = false;
    const versions = new Set<unknown>();
    const failures: unknown[] = [];
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!isDone)
          await test.client.modules.invoke('greeter', 'greet').then(
            (answer) => versions.add(answer.result),
            (error: unknown) => failures.push(error),
          );
      }),
    );
    const events = await rollOut('greeter-v2.0.0', 'Canary', {
      stages: [25, 50, 100],
      evaluationPeriod: 'PT0.3S',
      autoPromote: true,
    });
    isDone = true;
    await load;
    expect(failures).toEqual([]);
    expect(last(events)).toMatchObject({ status: 'Completed', previousModuleId: 'greeter-v1.0.0' });
    expect([...versions].sort()).toEqual(['greeter 1.0.0', 'greeter 2.0.0']);
    const seqs = events.flatMap((event) => (event.kind === 'entry' ? [event.entry.seq] : []));
    expect(seqs).toEqual(seqs.map((_, i) => i));
    expect(events.some((event) => event.kind === 'metrics')).toBe(true);
    expect((await test.client.routes.get('greeter')).releases).toEqual([
      expect.objectContaining({ version: '2.0.0', percent: 100 }),
    ]);
  });

  it('tells what calls experienced on a node, by module and release', async () => {
    const counts = async (): Promise<readonly unknown[]> =>
      (await Promise.all(nodes.map(([nodeId]) => test.client.nodes.metrics(nodeId, { window: 'PT1H' })))).flatMap(
        ({ modules }) => modules.filter(({ moduleName, calls }) => moduleName === 'greeter' && calls > 0),
      );
    await expect.poll(async () => (await counts()).length, { timeout: 10_000 }).toBeGreaterThan(nodes.length);
    expect((await counts())[0]).toMatchObject({ errorRatePercent: 0, crashRatePercent: 0, memoryRefusals: 0 });
    await expect(test.client.nodes.metrics('nobody')).rejects.toMatchObject({ code: 'HS_NODE_NOT_FOUND' });
  });

  it('rolls a version back by itself when its calls fail', async () => {
    await register('3.0.0');
    scripts.set('greeter-v3.0.0', { fails: true });
    let isDone = false;
    const load = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (!isDone) await test.client.modules.invoke('greeter', 'greet').catch(() => undefined);
      }),
    );
    const events = await rollOut('greeter-v3.0.0', 'Canary', {
      stages: [50, 100],
      evaluationPeriod: 'PT20S',
      autoPromote: true,
    });
    isDone = true;
    await load;
    expect(last(events).status).toBe('RolledBack');
    expect(last(events).reason).toMatch(/rate/);
    expect((await test.client.routes.get('greeter')).releases).toEqual([
      expect.objectContaining({ version: '2.0.0', percent: 100 }),
    ]);
    const { entries } = await test.client.deployments.journal(last(events).deploymentId);
    expect(entries.map((entry) => entry.explanation).join('\n')).toMatch(/turned the rollout back/);
  });

  it('brings requests that a deployment describes to its release until that is rolled back', async () => {
    await register('1.0.0', 'testers');
    await rollOut('testers-v1.0.0', 'AllAtOnce');
    await register('1.1.0', 'testers');
    const { deploymentId } = await test.client.deployments.create({
      moduleId: 'testers-v1.1.0',
      strategy: 'Canary',
      strategyConfig: { stages: [1, 100], evaluationPeriod: 'PT1H' },
      traffic: { match: [{ header: 'X-Tester' }, { cookie: 'beta', value: 'yes' }] },
    });
    await test.client.deployments.execute(deploymentId);
    const answers = async (headers: Record<string, string>): Promise<Set<unknown>> => {
      const found = new Set<unknown>();
      for (let i = 0; i < 5; i++) {
        const answer = await fetch(`${test.url}/api/v1/wasm/modules/testers/functions/greet/invoke`, {
          method: 'POST',
          headers: { authorization: `Bearer ${test.token}`, 'content-type': 'application/json', ...headers },
          body: '{}',
        });
        found.add(((await answer.json()) as { result?: unknown }).result);
      }
      return found;
    };
    await expect.poll(() => answers({ 'x-tester': 'ada' }), { timeout: 10_000 }).toEqual(new Set(['testers 1.1.0']));
    expect(await answers({ cookie: 'a=b; beta=yes' })).toEqual(new Set(['testers 1.1.0']));
    expect((await answers({ 'x-hotswap-sticky': 'bob' })).size).toBe(1);
    await test.client.deployments.rollback(deploymentId, { reason: 'seen enough' });
    await expect.poll(() => answers({ 'x-tester': 'ada' }), { timeout: 10_000 }).toEqual(new Set(['testers 1.0.0']));
  });

  it('rolls out to the nodes that selectors choose, in their order, and says whom it passed over', async () => {
    await register('1.0.0', 'chosen');
    const { deploymentId } = await test.client.deployments.create({
      moduleId: 'chosen-v1.0.0',
      strategy: 'AllAtOnce',
      nodeSelector: [
        { name: 'Regions', options: { in: ['us-west', 'us-east'] } },
        { name: 'Spread', options: { by: 'region', maximumPerGroup: 1 } },
      ],
    });
    await test.client.deployments.execute(deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).status, { timeout: 10_000 })
      .toBe('Completed');
    const { nodes: outcomes } = await test.client.deployments.get(deploymentId);
    expect(outcomes?.map(({ region }) => region)).toEqual(['us-west', 'us-east']);
    const { entries } = await test.client.deployments.journal(deploymentId);
    expect(entries.map((entry) => entry.explanation).join(' ')).toContain('Passed over: 4 not selected.');
    await expect(
      test.client.deployments.create({ moduleId: 'chosen-v1.0.0', strategy: 'AllAtOnce', nodeSelector: { name: 'X' } }),
    ).rejects.toMatchObject({ code: 'HS_SELECT_UNKNOWN' });
  });

  it('rolls a version back by itself when its health check fails', async () => {
    await register('4.0.0');
    scripts.set('greeter-v4.0.0', { health: 'unhealthy' });
    const events = await rollOut('greeter-v4.0.0', 'Rolling', { pauseOnFailure: false });
    expect(last(events).status).toBe('RolledBack');
  });

  it('pauses, refuses what does not fit, resumes and rolls back on demand', async () => {
    await register('5.0.0');
    const { deploymentId } = await test.client.deployments.create({
      moduleId: 'greeter-v5.0.0',
      strategy: 'Canary',
      canaryConfig: { stages: [10, 100], evaluationPeriod: 'PT10M' },
    });
    await expect(test.client.deployments.pause(deploymentId)).rejects.toMatchObject({
      code: 'HS_DEPLOYMENT_COMMAND_REFUSED',
      httpStatus: 409,
    });
    const [first, second] = await Promise.all([
      test.client.deployments.execute(deploymentId),
      test.client.deployments.execute(deploymentId),
    ]);
    expect(first.deploymentId).toBe(second.deploymentId);
    await expect.poll(async () => (await test.client.deployments.get(deploymentId)).running?.kind).toBe('wait');
    expect((await test.client.deployments.pause(deploymentId, { reason: 'lunch' })).status).toBe('Paused');
    expect((await test.client.deployments.resume(deploymentId)).status).toBe('InProgress');
    await expect(
      test.client.deployments.create({ moduleId: 'greeter-v1.0.0', strategy: 'AllAtOnce' }),
    ).rejects.toMatchObject({
      code: 'HS_DEPLOYMENT_ACTIVE',
      httpStatus: 409,
      details: expect.objectContaining({ deploymentId }) as unknown,
    });
    await expect(test.client.modules.delete('greeter-v5.0.0')).rejects.toMatchObject({
      code: 'HS_REGISTRY_MODULE_IN_USE',
    });
    const stale = await test.send('POST', `/api/v1/wasm/deployments/${deploymentId}/abort`, {
      body: {},
      headers: { 'if-match': '"old"' },
    });
    expect(stale.status).toBe(412);
    await test.client.deployments.rollback(deploymentId, { reason: 'not today' });
    const events: DeploymentEvent[] = [];
    for await (const event of test.client.deployments.watch(deploymentId)) events.push(event);
    expect(last(events)).toMatchObject({
      status: 'RolledBack',
      reason: expect.stringContaining('not today') as unknown,
    });
    expect(last(events).nodes?.every((node) => node.outcome === 'ok')).toBe(true);
  });

  it('rolls back after completion while the replaced release is retained', async () => {
    await register('6.0.0');
    const { deploymentId } = last(await rollOut('greeter-v6.0.0', 'AllAtOnce'));
    expect((await test.client.modules.invoke('greeter', 'greet')).result).toBe('greeter 6.0.0');
    await test.client.deployments.rollback(deploymentId, { reason: 'changed my mind' });
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).status, { timeout: 10_000 })
      .toBe('RolledBack');
    expect((await test.client.modules.invoke('greeter', 'greet')).result).toBe('greeter 2.0.0');
  });

  it('routes to a forced version, and says which are served when it is not', async () => {
    expect((await test.client.modules.invoke('greeter-v2.0.0', 'greet')).moduleId).toBe('greeter-v2.0.0');
    await expect(test.client.modules.invoke('greeter', 'greet', { version: '9.9.9' })).rejects.toMatchObject({
      code: 'HS_ROUTE_VERSION_NOT_SERVED',
    });
    await expect(test.client.modules.invoke('nobody', 'greet')).rejects.toMatchObject({
      code: 'HS_ROUTE_NOT_FOUND',
      httpStatus: 404,
    });
  });

  it('gives an agent the bytes of assigned modules only, by range when asked', async () => {
    const credential = agents[0]?.credential ?? '';
    const path = '/api/v1/wasm/modules/greeter-v2.0.0/binary';
    const whole = await fetch(`${test.url}${path}`, { headers: { authorization: `Bearer ${credential}` } });
    const bytes = Buffer.from(await whole.arrayBuffer());
    expect(bytes).toEqual(coreModule({ salt: 'greeter 2.0.0' }));
    const part = await fetch(`${test.url}${path}`, {
      headers: {
        authorization: `Bearer ${credential}`,
        range: 'bytes=8-',
        'if-range': whole.headers.get('etag') ?? '',
      },
    });
    expect([part.status, part.headers.get('content-range'), Buffer.from(await part.arrayBuffer())]).toEqual([
      206,
      `bytes 8-${bytes.byteLength - 1}/${bytes.byteLength}`,
      bytes.subarray(8),
    ]);
    const beyond = await fetch(`${test.url}${path}`, {
      headers: { authorization: `Bearer ${credential}`, range: 'bytes=99999-' },
    });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${bytes.byteLength}`]);
    await register('1.0.0', 'other');
    expect((await test.send('GET', '/api/v1/wasm/modules/other-v1.0.0/binary', { token: credential })).status).toBe(
      403,
    );
  });

  it('shows agents only generations that grow', () => {
    for (const agent of agents)
      expect(agent.seenGenerations).toEqual([...new Set(agent.seenGenerations)].sort((a, b) => a - b));
  });
});
