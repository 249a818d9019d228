import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DesiredRelease } from '@hotswap/core';
import type { TrainView } from '@hotswap/protocol';
import { openDatabase, TrainRepository } from '@hotswap/state-postgres';
import { runCommandLine } from './run-command-line.ts';
import { ScriptedAgent, type ScriptedRelease } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const base = ['run', 'health_check'];
/** `tax` is what `price` imports, and `price` what `shop` imports. */
const wasm = {
  tax: (salt: string) => coreModule({ salt, exports: [...base, 'rates'] }),
  price: (salt: string) => coreModule({ salt, exports: [...base, 'list'], imports: [['tax', 'rates']] }),
  shop: (salt: string) => coreModule({ salt, imports: [['price', 'list']] }),
};
const names = ['tax', 'price', 'shop'] as const;
/** What is on record of each write of the row. */
interface TrainFacts {
  readonly status?: string;
}
const versions = (version: string): string[] => ['shop', 'price', 'tax'].map((name) => `${name}-v${version}`);

describe('a release train', () => {
  let dataDir: string;
  let test: TestServer;
  let agents: ScriptedAgent[];
  const scripts = new Map<string, ScriptedRelease>();

  const start = (port: number): Promise<TestServer> =>
    startTestServer({ dataDir, port }, { database: { dataDir: join(dataDir, 'database') } });

  beforeEach(async () => {
    scripts.clear();
    dataDir = await mkdtemp(join(tmpdir(), 'hotswap-trains-'));
    test = await start(0);
    const { token } = await test.client.nodes.createJoinToken({ uses: 2 });
    const releases = (release: DesiredRelease): ScriptedRelease => scripts.get(release.moduleId) ?? {};
    agents = ['edge-1', 'edge-2'].map(
      (nodeId) => new ScriptedAgent({ url: test.url, nodeId, region: 'us-east', joinToken: token, releases }),
    );
    await Promise.all(agents.map((agent) => agent.start()));
    for (const version of ['1.0.0', '2.0.0'])
      for (const name of names)
        await test.client.modules.register({ name, version, wasm: wasm[name](`${name}${version}`) });
  });

  afterEach(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await test[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  const ended = async (trainId: string): Promise<TrainView> => {
    await expect
      .poll(async () => (await test.client.trains.get(trainId)).status, { timeout: 45_000 })
      .toMatch(/^(Completed|RolledBack|Cancelled|Failed)$/);
    return test.client.trains.get(trainId);
  };
  const promote = async (version: string): Promise<TrainView> => {
    const { trainId } = await test.client.trains.create({ moduleIds: versions(version), strategy: 'AllAtOnce' });
    await test.client.trains.execute(trainId);
    return ended(trainId);
  };
  const serving = async (): Promise<string> =>
    (await Promise.all(names.map(async (name) => (await test.client.routes.get(name)).releases[0]?.version))).join(' ');
  /** When each member reached a point, as the journals tell it. */
  const instants = async (train: TrainView, type: string): Promise<number[]> =>
    Promise.all(
      train.members.map(async ({ deploymentId }) => {
        const { entries } = await test.client.deployments.journal(deploymentId);
        return Date.parse(entries.find((entry) => entry.type === type)?.at ?? '');
      }),
    );

  it('promotes its modules in the order of their interfaces, and rolls them back together in reverse', async () => {
    expect((await promote('1.0.0')).status).toBe('Completed');
    const train = await promote('2.0.0');
    expect(train).toMatchObject({ status: 'Completed', order: 'interfaces' });
    expect(train.members.map(({ moduleId, after }) => [moduleId, after[0]?.through])).toEqual([
      ['tax-v2.0.0', undefined],
      ['price-v2.0.0', 'tax.rates'],
      ['shop-v2.0.0', 'price.list'],
    ]);
    const began = await instants(train, 'executed');
    const done = await instants(train, 'turned');
    expect([began[1], began[2]].map((at, n) => (at ?? 0) >= (done[n] ?? Infinity))).toEqual([true, true]);
    expect(await serving()).toBe('2.0.0 2.0.0 2.0.0');
    expect(train.members[0]?.deployment).toMatchObject({ trainId: train.trainId, status: 'Completed' });

    await test.client.trains.rollback(train.trainId, { reason: 'customers complain' });
    const back = await ended(train.trainId);
    expect(back).toMatchObject({ status: 'RolledBack', reason: 'customers complain' });
    expect(await serving()).toBe('1.0.0 1.0.0 1.0.0');
    const closed = await instants(back, 'closed');
    expect([...closed].sort((a, b) => b - a)).toEqual(closed);
    const { acts } = await test.client.audit.list({ object: train.trainId });
    expect(acts.map(({ action, actor, facts }) => [action, actor === 'system', (facts as TrainFacts).status])).toEqual([
      ['train.create', false, undefined],
      ['train.assemble', false, 'Pending'],
      ['train.execute', false, 'InProgress'],
      ['train.turn', true, 'Completed'],
      ['train.rollback', false, 'RollingBack'],
      ['train.turn', true, 'RolledBack'],
    ]);
  });

  it('takes everything back when one of them fails', async () => {
    await promote('1.0.0');
    scripts.set('shop-v2.0.0', { broken: true });
    const train = await promote('2.0.0');
    expect(train.status).toBe('RolledBack');
    expect(train.reason).toMatch(/shop is (RolledBack|RollingBack|Failed): .*it is broken/);
    expect(train.members.map(({ deployment }) => deployment?.status)).toEqual([
      'RolledBack',
      'RolledBack',
      'RolledBack',
    ]);
    expect(train.members[0]?.deployment?.reason).toContain(`${train.trainId} goes back`);
    expect(await serving()).toBe('1.0.0 1.0.0 1.0.0');
  });

  it('goes on under a server that starts anew, and back under another one', async () => {
    await promote('1.0.0');
    const { trainId } = await test.client.trains.create({
      moduleIds: versions('2.0.0'),
      strategy: 'Canary',
      strategyConfig: { stages: [100], evaluationPeriod: 'PT1S' },
    });
    await test.client.trains.execute(trainId);
    const { port } = new URL(test.url);
    await expect
      .poll(async () => (await test.client.trains.get(trainId)).members[1]?.deployment?.status, { timeout: 45_000 })
      .toBe('InProgress');
    await test.server.stop();
    test = await start(Number(port));
    expect((await ended(trainId)).status).toBe('Completed');
    expect(await serving()).toBe('2.0.0 2.0.0 2.0.0');
    await test.client.trains.rollback(trainId);
    await test.server.stop();
    test = await start(Number(port));
    expect((await ended(trainId)).status).toBe('RolledBack');
    await expect.poll(serving, { timeout: 45_000 }).toBe('1.0.0 1.0.0 1.0.0');
  });

  it('ends at once, under the next server, members that were created after it had ended', async () => {
    const { trainId } = await test.client.trains.create({ moduleIds: versions('1.0.0'), strategy: 'AllAtOnce' });
    const { port } = new URL(test.url);
    await test.server.stop();
    // What a server leaves behind that was slow, was given up by another one, and died before it saw that.
    const database = await openDatabase({ dataDir: join(dataDir, 'database') });
    const rows = new TrainRepository(database);
    const row = await rows.find('default', trainId);
    const lost = { intent: 'back', status: 'Cancelled', reason: 'Its server was lost' } as const;
    expect(row && (await rows.update(row, lost))).toMatchObject(lost);
    await database[Symbol.asyncDispose]();
    test = await start(Number(port));
    const members = async () => (await test.client.trains.get(trainId)).members.map(({ deployment }) => deployment);
    await expect
      .poll(async () => (await members()).map((member) => member?.status), { timeout: 45_000 })
      .toEqual(['Cancelled', 'Cancelled', 'Cancelled']);
    expect((await members()).map((member) => member?.reason)).toEqual(
      Array.from({ length: 3 }, () => `${trainId} was given up: Its server was lost`),
    );
    expect(await test.client.trains.get(trainId)).toMatchObject({ status: 'Cancelled', reason: 'Its server was lost' });
    // Nothing holds the modules any more.
    expect((await promote('1.0.0')).status).toBe('Completed');
  });

  it('is there as a whole or not at all, and refuses what makes no sense', async () => {
    const refusal = async (body: object): Promise<unknown[]> => {
      const { status, body: answer } = await test.send('POST', '/api/v1/wasm/trains', { body });
      const errors = (answer['errors'] ?? []) as readonly { pointer: string }[];
      return [status, answer['code'], ...errors.map(({ pointer }) => pointer)];
    };
    const moduleIds = versions('1.0.0');
    const strategy = 'AllAtOnce';
    expect(await refusal({ moduleIds: ['tax-v1.0.0'], strategy })).toEqual([
      400,
      'HS_API_INVALID_REQUEST',
      '/moduleIds',
    ]);
    expect(await refusal({ moduleIds, strategy, force: true })).toEqual([400, 'HS_API_INVALID_REQUEST', '/force']);
    expect(await refusal({ moduleIds, strategy, deploymentId: 'd' })).toEqual([
      400,
      'HS_API_INVALID_REQUEST',
      '/deploymentId',
    ]);
    expect(await refusal({ moduleIds: ['tax-v1.0.0', 'tax-v2.0.0'], strategy })).toEqual([
      400,
      'HS_DEPLOYMENT_TRAIN_TWICE',
      '/moduleIds/1',
    ]);
    const nonsense: readonly (readonly [object, ...string[]])[] = [
      [{ moduleIds: [] }, '/moduleIds'],
      [{ moduleIds: ['tax-v1.0.0', 7] }, '/moduleIds/1'],
      [{ moduleIds: Array.from({ length: 51 }, (_, n) => `m${n}-v1.0.0`) }, '/moduleIds'],
      [{ moduleIds, order: 'sideways' }, '/order'],
      [{ moduleIds, trainId: 'shop' }, '/trainId'],
      [{ moduleIds, retention: 'soon', progressDeadline: 'PT0S' }, '/progressDeadline', '/retention'],
      [{ moduleIds, allowBreaking: 'yes' }, '/allowBreaking'],
      [{ moduleIds, targetRegions: [] }, '/targetRegions'],
    ];
    for (const [body, ...pointers] of nonsense) {
      const [status, code, ...found] = await refusal({ strategy, ...body });
      expect([status, code, ...found.toSorted()], JSON.stringify(body)).toEqual([
        400,
        'HS_API_INVALID_REQUEST',
        ...pointers,
      ]);
    }
    expect(await refusal({ moduleIds, strategy: 'Rolling', strategyConfig: { batchSize: 0 } })).toEqual([
      400,
      'HS_STRATEGY_INVALID_CONFIG',
      '/strategyConfig/batchSize',
    ]);
    expect(await refusal({ moduleIds, strategy: 'Sideways' })).toEqual([400, 'HS_STRATEGY_UNKNOWN', '/strategy']);
    expect(await refusal({ moduleIds, strategy, targetRegions: ['us-east', 'atlantis'] })).toEqual([
      400,
      'HS_SELECT_UNKNOWN_REGION',
      '/targetRegions/1',
    ]);
    expect(await refusal({ moduleIds: ['tax-v1.0.0', 'none-v1.0.0'], strategy })).toEqual([
      404,
      'HS_REGISTRY_MODULE_NOT_FOUND',
    ]);
    expect((await test.client.trains.list()).trains).toEqual([]);

    const { deploymentId } = await test.client.deployments.create({ moduleId: 'shop-v1.0.0', strategy });
    expect(await refusal({ moduleIds, strategy, trainId: 'train-blocked' })).toEqual([409, 'HS_DEPLOYMENT_ACTIVE']);
    expect((await ended('train-blocked')).status).toBe('Cancelled');
    const { deployments } = await test.client.deployments.list();
    expect(deployments.map((one) => [one.deploymentId, one.status])).toEqual([
      ['train-blocked-price', 'Cancelled'],
      ['train-blocked-tax', 'Cancelled'],
      [deploymentId, 'Pending'],
    ]);
  });

  it('is created, shown and taken back from the command line', async () => {
    const server = { url: test.url, token: test.token };
    const deployed = await runCommandLine(server, 'deploy', ...versions('1.0.0'), '--strategy', 'AllAtOnce', '-w');
    expect([deployed.code, deployed.out]).toEqual([
      0,
      expect.stringMatching(/Completed[^]*tax-v1\.0\.0[^]*shop-v1\.0\.0/),
    ]);
    const { trains } = await test.client.trains.list();
    const trainId = trains[0]?.trainId ?? '';
    const shown = await runCommandLine(server, 'status', trainId);
    expect(shown.out).toContain('price-v1.0.0 (price.list)');
    const back = await runCommandLine(server, 'rollback', trainId, '--reason', 'no', '-w');
    expect([back.code, back.out]).toEqual([3, expect.stringContaining('RolledBack')]);
  });
});
