import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SimulateRequest } from '@hotswap/protocol';
import { runCommandLine } from './run-command-line.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const nodes = [
  ['edge-1', 'us-east'],
  ['edge-2', 'us-east'],
  ['edge-3', 'eu-central'],
] as const;

describe('a deployment that is only tried', () => {
  let test: TestServer;
  let agents: ScriptedAgent[];
  let moduleIds: string[];

  beforeAll(async () => {
    test = await startTestServer();
    const { token } = await test.client.nodes.createJoinToken({ uses: nodes.length });
    agents = nodes.map(([nodeId, region]) => new ScriptedAgent({ url: test.url, nodeId, region, joinToken: token }));
    await Promise.all(agents.map((agent) => agent.start()));
    moduleIds = [];
    for (const version of ['1.0.0', '1.1.0'])
      moduleIds.push(
        (await test.client.modules.register({ name: 'greeter', version, wasm: coreModule({ salt: version }) }))
          .moduleId,
      );
    const { deploymentId } = await test.client.deployments.create({
      moduleId: moduleIds[0] as string,
      strategy: 'AllAtOnce',
      retention: 'PT0S',
    });
    await test.client.deployments.execute(deploymentId);
    for await (const event of test.client.deployments.watch(deploymentId)) void event;
  });

  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await test[Symbol.asyncDispose]();
  });

  const canary = (): SimulateRequest => ({
    deployment: { moduleId: moduleIds[1] as string, strategy: 'Canary', strategyConfig: { stages: [34, 100] } },
  });

  it('tells what would change on which nodes, and how it would go', async () => {
    const result = await test.client.deployments.simulate(canary());
    expect(result).toMatchObject({ status: 'Completed', targetCount: 3, durationMs: expect.any(Number) as number });
    expect(result.changes.map(({ region, nodeIds }) => [region, nodeIds])).toEqual([
      ['eu-central', ['edge-3']],
      ['us-east', ['edge-1', 'edge-2']],
    ]);
    expect(result.durationMs).toBeGreaterThan(10 * 60_000);
    expect(result.releaseDiff?.changes.map(({ pointer }) => pointer)).toContain('/version');
  });

  it('writes nothing: no deployment, no release, no change on a node', async () => {
    const count = async () => ({
      deployments: (await test.client.deployments.list()).deployments.length,
      releases: (await test.client.releases.list()).releases.length,
      generations: (await test.client.nodes.list()).nodes.map(({ generation }) => generation),
    });
    const before = await count();
    await test.client.deployments.simulate(canary());
    expect(await count()).toEqual(before);
  });

  it('plays faults over the fleet as it is, and over a described one', async () => {
    const script = { metrics: [{ at: 'PT1M', errorRatePercent: 50 }] };
    expect(await test.client.deployments.simulate({ ...canary(), script })).toMatchObject({
      status: 'RolledBack',
      blastRadius: { nodes: 2 },
    });
    const described = {
      ...canary(),
      script,
      seed: 5,
      fleet: { regions: { mars: 50 } },
      startsAt: '2026-05-01T00:00:00Z',
    };
    const [once, again] = [
      await test.client.deployments.simulate(described),
      await test.client.deployments.simulate(described),
    ];
    expect(once).toMatchObject({ status: 'RolledBack', targetCount: 50, seed: 5 });
    expect(again).toEqual(once);
  });

  it.each<[string, object, number]>([
    ['a module that there is not', { deployment: { moduleId: 'ghost-v1.0.0', strategy: 'Canary' } }, 404],
    ['a fault of no kind', { script: { faults: [{ kind: 'fire' }] } }, 400],
    ['more nodes than a server simulates', { fleet: { regions: { a: 30_000 } } }, 422],
    [
      'a configuration that is nonsense',
      { deployment: { moduleId: 'greeter-v1.1.0', strategy: 'Canary', strategyConfig: { stages: [50, 10] } } },
      400,
    ],
  ])('refuses %s', async (_, part, status) => {
    await expect(test.client.deployments.simulate({ ...canary(), ...part })).rejects.toMatchObject({
      httpStatus: status,
    });
  });

  it('is what `hotswap plan` prints', async () => {
    const { code, out } = await runCommandLine(test, 'plan', moduleIds[1] as string, '--strategy', 'Canary');
    expect(out).toContain('2 nodes in us-east');
    expect(out).toContain('Simulated timeline');
    expect(out).toMatch(/status: +Completed/);
    expect(code).toBe(0);
  });

  it('runs from a scenario file without any server', async () => {
    const file = new URL('../../../examples/scenarios/bad-canary.json', import.meta.url);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ seed: 7 });
    const { code, out } = await runCommandLine({ url: '', token: '' }, 'simulate', file.pathname);
    expect(out).toContain('error_rate');
    expect(code).toBe(3);
  });
});
