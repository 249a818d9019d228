import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditRepository, type Database, type NodeDescription } from '../src/index.ts';
import { backends } from './open-test-database.ts';
import { Scene } from './scene.ts';

describe.each(backends)('a node that moves to another region, on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await open());
  });
  afterAll(() => close());

  const described = (nodeId: string, region: string): NodeDescription => ({
    ...{ nodeId, hostname: nodeId, region, runtime: 'test', runtimeVersion: '1', capabilities: {}, maxModules: 10 },
    hardware: { cpuCores: 1, totalMemoryMB: 1, architecture: 'x64' },
    dataPlaneUrl: 'http://127.0.0.1:10000',
  });
  const restrict = (scene: Scene, regions: readonly string[]): Promise<number> =>
    database.execute(`update modules set allowed_regions = $2 where tenant = $1`, [
      scene.tenant,
      JSON.stringify(regions),
    ]);
  const moves = async ({ tenant }: Scene): Promise<readonly unknown[]> =>
    (await new AuditRepository(database).list(tenant, { action: 'node.move', limit: 10 })).map(
      ({ actor, object, facts }) => [actor, object, facts],
    );

  it('loses at once what must not leave the old one: its share of the route too', async () => {
    const scene = new Scene(database);
    const release = await scene.release('1.0.0');
    await restrict(scene, ['us-east']);
    await scene.serve('d', release, await scene.join(2));
    const [revision, generation] = [
      await scene.fleet.routeRevision(scene.tenant, 'greeter'),
      await scene.generation('n0'),
    ];
    expect(await scene.nodes.openSession(scene.tenant, described('n0', 'us-east'))).toBeNull();
    expect(await scene.generation('n0')).toBe(generation);
    expect(await scene.nodes.openSession(scene.tenant, described('n0', 'eu-central'))).toEqual({
      ...{ from: 'us-east', to: 'eu-central' },
      removed: [{ moduleName: 'greeter', releaseId: release }],
    });
    const desired = await scene.desired.read(scene.tenant, ['n0', 'n1']);
    expect([desired.get('n0')?.modules, desired.get('n1')?.modules.length]).toEqual([[], 1]);
    expect(await scene.generation('n0')).toBe(generation + 1);
    expect(await scene.fleet.routeRevision(scene.tenant, 'greeter')).toBe(revision + 1);
    expect(await moves(scene)).toEqual([['node:n0', 'n0', { from: 'us-east', to: 'eu-central', removed: [release] }]]);
  });

  it('keeps what was rolled out in the new one as well, and loses what never was', async () => {
    const scene = new Scene(database);
    const [everywhere, local] = [await scene.release('1.0.0'), await scene.release('2.0.0', 'local')];
    await scene.serve('d', everywhere, await scene.join(1));
    await scene.append(
      await scene.batch('l', [
        {
          kind: 'open',
          spec: scene.spec('l', local, { moduleName: 'local', moduleId: 'local-v2.0.0', regions: ['us-east'] }),
        },
      ]),
    );
    await scene.change('l', { kind: 'freeze', targets: ['n0'], baseline: [], epoch: 1 });
    await scene.change('l', { kind: 'assign', nodes: [[0, 1]], releaseId: local });
    expect(Object.keys(await scene.weights('n0')).sort()).toEqual([everywhere, local].sort());
    await scene.nodes.openSession(scene.tenant, described('n0', 'asia'));
    expect(Object.keys(await scene.weights('n0'))).toEqual([everywhere]);
  });

  it('gets nothing more from a rollout of the old one: no release, no share, no baseline', async () => {
    const scene = new Scene(database);
    const [old, young] = [await scene.release('1.0.0'), await scene.release('1.1.0')];
    await restrict(scene, ['us-east']);
    await scene.join(2);
    await scene.append(
      await scene.batch('d', [{ kind: 'open', spec: scene.spec('d', young, { regions: ['us-east'] }) }]),
    );
    await scene.change('d', {
      kind: 'freeze',
      targets: ['n0', 'n1'],
      baseline: [{ nodes: [[0, 2]], releases: [{ releaseId: old, weight: 100 }] }],
      epoch: 1,
    });
    await scene.nodes.openSession(scene.tenant, described('n0', 'eu-central'));
    const all = [[0, 2]] as const;
    await scene.change('d', { kind: 'assign', nodes: all, releaseId: young });
    await scene.change('d', {
      ...{ kind: 'route', releaseId: young, to: all, among: all },
      weights: { candidate: 100, baselineOnStage: 0, baselineElsewhere: 0 },
    });
    expect([await scene.weights('n0'), (await scene.weights('n1'))[young]]).toEqual([{}, 100]);
    await scene.report('n0', await scene.generation('n0'), []);
    await scene.report('n1', await scene.generation('n1'), [{ releaseId: young, state: 'ready' }]);
    expect(await scene.fleet.loadProgress(scene.id('d'), all, young)).toMatchObject({ done: 1, unreachable: 1 });
    await scene.change('d', { kind: 'restore', nodes: all });
    expect([await scene.weights('n0'), await scene.weights('n1')]).toEqual([{}, { [old]: 100 }]);
  });

  it('loses it when it joins again with a token, too', async () => {
    const scene = new Scene(database);
    const release = await scene.release('1.0.0');
    await restrict(scene, ['us-east']);
    const { token } = await scene.nodes.createJoinToken({
      ...{ tenant: scene.tenant, uses: 2, expiresInMs: 60_000, regions: null, createdBy: 'admin' },
    });
    const publicKey = { kty: 'OKP', x: 'n0' };
    expect(await scene.nodes.register(token, { ...described('n0', 'us-east'), publicKey })).toMatchObject({
      move: null,
    });
    await scene.serve('d', release, ['n0']);
    const { move } = await scene.nodes.register(token, { ...described('n0', 'eu-central'), publicKey });
    expect(move?.removed).toEqual([{ moduleName: 'greeter', releaseId: release }]);
    expect(await scene.weights('n0')).toEqual({});
  });

  it('keeps everything when its token does not let it go there', async () => {
    const scene = new Scene(database);
    await restrict(scene, ['us-east']);
    const { token } = await scene.nodes.createJoinToken({
      ...{ tenant: scene.tenant, uses: 1, expiresInMs: 60_000, regions: ['us-east'], createdBy: 'admin' },
    });
    await scene.nodes.register(token, described('n0', 'us-east'));
    const release = await scene.release('1.0.0');
    await scene.serve('d', release, ['n0']);
    await expect(scene.nodes.openSession(scene.tenant, described('n0', 'asia'))).rejects.toMatchObject({
      code: 'HS_AUTH_REGION_NOT_ALLOWED',
    });
    expect(await scene.weights('n0')).toEqual({ [release]: 100 });
    expect(await moves(scene)).toEqual([]);
  });
});
