import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isHotSwapError } from '@hotswap/core';
import { InterfaceRepository, RouteRepository, type Database } from '../src/index.ts';
import { backends, openPostgres } from './open-test-database.ts';
import { Scene } from './scene.ts';

/** How many of several writes were made, and that all others were refused as stale. */
async function made(writes: readonly Promise<unknown>[]): Promise<number> {
  const settled = await Promise.allSettled(writes);
  const refused = settled.filter((one) => one.status === 'rejected');
  for (const { reason } of refused) if (!isHotSwapError(reason, 'HS_STORE_STALE')) throw reason as Error;
  return settled.length - refused.length;
}

describe.each(backends)('writes held to what was seen, on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await open());
  });
  afterAll(() => close());

  it('let one of many changes of a node through, and none after it', async () => {
    const scene = new Scene(database);
    const [name = ''] = await scene.join(1);
    const seen = await scene.nodes.get(scene.tenant, name);
    const change = (n: number): Promise<unknown> =>
      scene.nodes.update(scene.tenant, name, { labels: { n: String(n) } }, seen);
    expect(await made(Array.from({ length: 8 }, (_, n) => change(n)))).toBe(1);
    expect(await made([change(9), scene.nodes.delete(scene.tenant, name, seen)])).toBe(0);
    const { labels } = await scene.nodes.get(scene.tenant, name);
    expect(labels['n']).toMatch(/^[0-7]$/);
    const now = await scene.nodes.get(scene.tenant, name);
    expect(await made([scene.nodes.delete(scene.tenant, name, now)])).toBe(1);
    await expect(scene.nodes.delete(scene.tenant, name, now)).rejects.toMatchObject({ code: 'HS_NODE_NOT_FOUND' });
    await expect(scene.nodes.update(scene.tenant, name, {}, now)).rejects.toMatchObject({ code: 'HS_NODE_NOT_FOUND' });
  });

  it('let one of many changes of a route through, and a stale one does not retire it', async () => {
    const scene = new Scene(database);
    const release = await scene.release('1.0.0');
    const nodes = await scene.join(1);
    await scene.serve('d', release, nodes);
    const routes = new RouteRepository(database);
    const seen = (await routes.find(scene.tenant, 'greeter')) ?? expect.unreachable();
    const set = (): Promise<unknown> => routes.setWeights(scene.tenant, 'greeter', { [release]: 100 }, seen);
    expect(await made(Array.from({ length: 6 }, set))).toBe(1);
    expect(await made([routes.retire(scene.tenant, 'greeter', seen)])).toBe(0);
    const after = (await routes.find(scene.tenant, 'greeter')) ?? expect.unreachable();
    expect([after.revision, after.targets.length]).toEqual([seen.revision + 1, 1]);
  });

  it('decide about the text of an interface that was read, not about the one that came after it', async () => {
    const interfaces = new InterfaceRepository(database);
    const text = (type: string): Parameters<InterfaceRepository['insert']>[0] => ({
      ...{ tenant: 'default', name: 'acme:img', version: '1.1.0', status: 'PendingApproval', comparedWith: '1.0.0' },
      ...{ wit: `package acme:img@1.1.0; interface a { type t = ${type}; }`, changes: [], createdBy: 'dev' },
    });
    const decide = (status: 'Approved' | 'Rejected', seen: number): Promise<unknown> =>
      interfaces.decide('default', 'acme:img', '1.1.0', {
        ...{ status, from: ['PendingApproval'], by: 'root', reason: null, seen },
      });
    const first = (await interfaces.insert(text('u8'))).record;
    await decide('Rejected', first.revision);
    const second = (await interfaces.insert(text('u16'))).record;
    expect(await made([decide('Approved', first.revision)])).toBe(0);
    expect(await interfaces.find('default', 'acme:img', '1.1.0')).toMatchObject({ status: 'PendingApproval' });
    expect(await made([decide('Approved', second.revision), decide('Rejected', second.revision)])).toBe(1);
  });
});

describe.runIf(process.env['HOTSWAP_TEST_POSTGRES_URL'] !== undefined)('routes that are set by hand', () => {
  it('hold a deployment up that begins meanwhile, so that it starts from what holds', async () => {
    const { database, url, close } = await openPostgres();
    const [scene, routes] = [new Scene(database), new RouteRepository(database)];
    const releases = [await scene.release('1.0.0'), await scene.release('1.1.0')] as const;
    const nodes = await scene.join(1);
    await scene.serve('d1', releases[0], nodes);
    await scene.deploy('d2', releases[1], nodes);
    const all = [[0, 1]] as const;
    await scene.change('d2', { kind: 'assign', nodes: all, releaseId: releases[1] });
    await scene.change('d2', {
      ...{ kind: 'route', releaseId: releases[1], to: all, among: all },
      weights: { candidate: 100, baselineOnStage: 0, baselineElsewhere: 0 },
    });
    await scene.append(await scene.batch('d2', [], { status: 'Completed' }));
    await scene.report(nodes[0] ?? '', await scene.generation(nodes[0] ?? ''), [
      { releaseId: releases[0], state: 'ready' },
      { releaseId: releases[1], state: 'ready' },
    ]);
    const watcher = new pg.Client({ connectionString: url });
    await watcher.connect();
    await watcher.query('begin');
    await watcher.query('select 1 from assignments for update');
    const waiting = async (): Promise<number> => {
      const { rows } = await database.knex.raw<{ rows: { n: number }[] }>(
        'select count(*)::int as n from pg_locks where not granted',
      );
      return rows[0]?.n ?? 0;
    };
    // The change has seen that no deployment is there, and waits for the rows that it is about to write.
    const setting = routes.setWeights(scene.tenant, 'greeter', { [releases[0]]: 60, [releases[1]]: 40 });
    await expect.poll(waiting).toBe(1);
    let isOpen = false;
    const opening = scene
      .append(await scene.batch('d3', [{ kind: 'open', spec: scene.spec('d3', releases[1]) }]))
      .then(() => {
        isOpen = true;
      });
    await expect.poll(async () => isOpen || (await waiting()) === 2).toBe(true);
    expect(isOpen).toBe(false);
    await watcher.query('commit');
    await watcher.end();
    await Promise.all([setting, opening]);
    // What the deployment will freeze is what the change has set.
    const [node] = await scene.fleet.candidates(scene.tenant, 'greeter', null);
    expect(node?.serving.map(({ weight }) => weight).sort()).toEqual([40, 60]);
    await expect(routes.setWeights(scene.tenant, 'greeter', { [releases[0]]: 100 })).rejects.toMatchObject({
      code: 'HS_DEPLOYMENT_ACTIVE',
    });
    await close();
  });
});
