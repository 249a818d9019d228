import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CreateTrainRequest, SimulateTrainRequest } from '@hotswap/protocol';
import { runCommandLine } from './run-command-line.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const base = ['run', 'health_check'];
/** `price` imports `tax`, and `shop` imports `price`. In version 3 `price` has no `list` any more. */
const wasm = {
  tax: (salt: string) => coreModule({ salt, exports: [...base, 'rates'] }),
  price: (salt: string) =>
    coreModule({ salt, exports: salt.endsWith('3.0.0') ? base : [...base, 'list'], imports: [['tax', 'rates']] }),
  shop: (salt: string) => coreModule({ salt, imports: [['price', 'list']] }),
};
const names = ['tax', 'price', 'shop'] as const;
const moduleIds = (version: string): string[] => ['shop', 'price', 'tax'].map((name) => `${name}-v${version}`);

describe('a release train that is only tried', () => {
  let test: TestServer;
  let agents: ScriptedAgent[];
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-train-plan-'));
    test = await startTestServer();
    const { token } = await test.client.nodes.createJoinToken({ uses: 3 });
    const places = { 'edge-1': 'us-east', 'edge-2': 'us-east', 'edge-3': 'eu-central' };
    agents = Object.entries(places).map(
      ([nodeId, region]) => new ScriptedAgent({ url: test.url, nodeId, region, joinToken: token }),
    );
    await Promise.all(agents.map((agent) => agent.start()));
    for (const version of ['1.0.0', '2.0.0', '3.0.0'])
      for (const name of names)
        await test.client.modules.register({ name, version, wasm: wasm[name](`${name}${version}`) });
    const { trainId } = await test.client.trains.create({ moduleIds: moduleIds('1.0.0'), strategy: 'AllAtOnce' });
    await test.client.trains.execute(trainId);
    await vi.waitFor(async () => expect((await test.client.trains.get(trainId)).status).toBe('Completed'), 45_000);
    await test.client.modules.invoke('price', 'list', {});
  });

  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await test[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const train = (version: string, more: Partial<CreateTrainRequest> = {}): SimulateTrainRequest => ({
    train: {
      moduleIds: moduleIds(version),
      strategy: 'Canary',
      strategyConfig: { stages: [34, 100], evaluationPeriod: 'PT1M' },
      ...more,
    },
  });

  it('tells what each member would change on which nodes, in the order of their interfaces, and how it would go', async () => {
    const result = await test.client.trains.simulate(train('2.0.0'));
    expect(result).toMatchObject({ status: 'Completed', order: 'interfaces' });
    expect(result.members.map(({ moduleId, after }) => [moduleId, after[0]?.through])).toEqual([
      ['tax-v2.0.0', undefined],
      ['price-v2.0.0', 'tax.rates'],
      ['shop-v2.0.0', 'price.list'],
    ]);
    for (const [n, member] of result.members.entries()) {
      expect(member).toMatchObject({ status: 'Completed', targetCount: 3, breaks: [] });
      expect(member.changes.map(({ region, nodeIds }) => [region, nodeIds])).toEqual([
        ['eu-central', ['edge-3']],
        ['us-east', ['edge-1', 'edge-2']],
      ]);
      expect(member.releaseDiff?.changes.map(({ pointer }) => pointer)).toContain('/version');
      expect(member.releaseDiff?.from).toBe(member.changes[0]?.before[0]?.releaseId);
      expect(member.beganAtMs ?? NaN).toBeGreaterThanOrEqual(result.members[n - 1]?.endedAtMs ?? 0);
    }
    expect(result.durationMs).toBeGreaterThan(6 * 60_000);
    expect(new Set(result.timeline.map(({ moduleId }) => moduleId))).toContain('price-v2.0.0');
  });

  it('says who would break at which turn, and goes on as if they might', async () => {
    const result = await test.client.trains.simulate(train('3.0.0'));
    expect(result.members.map(({ moduleId, breaks, refusal }) => [moduleId, breaks?.length, refusal?.code])).toEqual([
      ['shop-v3.0.0', 0, undefined],
      ['tax-v3.0.0', 0, undefined],
      ['price-v3.0.0', 1, 'HS_INTERFACE_BREAKS_CONSUMERS'],
    ]);
    const broken = result.members.find(({ refusal }) => refusal !== undefined);
    expect(broken?.breaks).toMatchObject([{ kind: 'caller', paths: ['#list'] }]);
    expect(result.status).toBe('Completed');
    await expect(test.client.trains.create(train('3.0.0').train)).rejects.toMatchObject({
      code: 'HS_INTERFACE_BREAKS_CONSUMERS',
    });
    const allowed = await test.client.trains.simulate(train('3.0.0', { allowBreaking: true }));
    const price = allowed.members.find(({ moduleId }) => moduleId === 'price-v3.0.0');
    expect([price?.breaks?.length, price?.refusal]).toEqual([1, undefined]);
  });

  it('writes nothing: no train, no deployment, no release, no change on a node', async () => {
    const count = async () => ({
      trains: (await test.client.trains.list()).trains.length,
      deployments: (await test.client.deployments.list()).deployments.length,
      releases: (await test.client.releases.list()).releases.length,
      generations: (await test.client.nodes.list()).nodes.map(({ generation }) => generation),
    });
    const before = await count();
    await test.client.trains.simulate(train('2.0.0'));
    expect(await count()).toEqual(before);
  });

  it('plays faults over the fleet as it is, and over a described one, alike for the same seed', async () => {
    const script = { faults: [{ kind: 'loadFailure' as const, module: 'shop', nodes: { nodeIds: ['edge-3'] } }] };
    const now = await test.client.trains.simulate({ ...train('2.0.0'), script });
    expect(now.status).toBe('RolledBack');
    expect(now.members.map(({ status }) => status)).toEqual(['RolledBack', 'RolledBack', 'RolledBack']);
    const ends = now.members.map(({ endedAtMs }) => endedAtMs ?? NaN);
    expect(ends.toSorted((a, b) => b - a)).toEqual(ends);
    const described = {
      ...train('2.0.0'),
      script: { latency: { min: 0.1, max: 4 }, metrics: [{ module: 'price', errorRatePercent: 50 }] },
      fleet: { regions: { mars: 40 } },
      seed: 5,
      startsAt: '2026-05-01T00:00:00Z',
    };
    const [once, again] = [await test.client.trains.simulate(described), await test.client.trains.simulate(described)];
    expect(once).toMatchObject({ status: 'RolledBack', seed: 5, members: [{ targetCount: 40 }, {}, {}] });
    expect(again).toEqual(once);
  });

  it.each<[string, object, number, string]>([
    ['a module that there is not', { train: { moduleIds: ['tax-v2.0.0', 'ghost-v1.0.0'] } }, 404, ''],
    ['one version alone', { train: { moduleIds: ['tax-v2.0.0'], strategy: 'Canary' } }, 400, '/train/moduleIds'],
    [
      'a fault of a stranger',
      { script: { faults: [{ kind: 'unhealthy', module: 'cart' }] } },
      400,
      '/script/faults/0/module',
    ],
    [
      'a trigger that asks a source which this server does not have',
      {
        train: {
          ...train('2.0.0').train,
          autoRollback: { triggers: [{ metric: 'custom:x', source: 'elsewhere', query: 'x', threshold: 1 }] },
        },
      },
      400,
      '',
    ],
    ['more nodes than a server simulates', { fleet: { regions: { a: 30_000 } } }, 422, ''],
  ])('refuses %s', async (_, part, status, pointer) => {
    const answer = await test.send('POST', '/api/v1/wasm/trains/simulate', { body: { ...train('2.0.0'), ...part } });
    expect(answer.status).toBe(status);
    const [error] = (answer.body['errors'] ?? []) as readonly { readonly pointer: string }[];
    expect(error?.pointer ?? '').toBe(pointer);
  });

  it('is what `hotswap plan` prints for several modules, and ends with 7 when it would be refused', async () => {
    const options = ['--strategy', 'Canary', '--config', '{"evaluationPeriod":"PT1M"}'];
    const planned = await runCommandLine(test, 'plan', ...moduleIds('2.0.0'), ...options);
    expect(planned.out).toMatch(
      /1\. tax-v2\.0\.0[^]*2\. price-v2\.0\.0\n {2}after tax-v2\.0\.0, for tax\.rates[^]*3\. shop/,
    );
    expect(planned.out).toContain('2 nodes in us-east');
    expect(planned.out).toContain('The version changes from 1.0.0 to 2.0.0.');
    expect(planned.out).toMatch(/Simulated timeline[^]*status: +Completed/);
    expect(planned.code).toBe(0);
    const refused = await runCommandLine(test, 'plan', ...moduleIds('3.0.0'), ...options);
    expect(refused.out).toMatch(/! would be refused \(HS_INTERFACE_BREAKS_CONSUMERS\)[^]*! breaks caller .*#list/);
    expect(refused.code).toBe(7);
  });

  it('runs from a scenario file, without any server and on one', async () => {
    const file = new URL('../../../examples/scenarios/broken-train.json', import.meta.url).pathname;
    const here = await runCommandLine({ url: '', token: '' }, 'simulate', file);
    expect(here.out).toContain('The train turns back');
    expect(here.code).toBe(3);
    const own = join(folder, 'train.json');
    await writeFile(own, JSON.stringify(train('2.0.0')));
    const there = await runCommandLine(test, 'simulate', own, '--on-server', '--seed', '9');
    expect(there.out).toMatch(/seed: +9/);
    expect(there.code).toBe(0);
  });
});
