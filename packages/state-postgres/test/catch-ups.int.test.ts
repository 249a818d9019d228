import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditRepository, CatchUpRepository, openDatabase, type Database } from '../src/index.ts';
import { backends, openPostgres } from './open-test-database.ts';
import { Scene } from './scene.ts';

/** A release that one node serves, and others that have loaded it since they joined. */
async function waitingNodes(scene: Scene, catchUps: CatchUpRepository, count: number): Promise<readonly string[]> {
  const nodes = await scene.join(count + 4);
  const releaseId = await scene.release('1.0.0');
  const [served, late] = [nodes.slice(0, 4), nodes.slice(4)];
  await scene.serve('first', releaseId, served);
  const due = await catchUps.outstanding(scene.tenant);
  expect(due.map(({ nodeId }) => nodeId)).toEqual(late);
  await catchUps.begin(due[0] ?? expect.unreachable(), late);
  for (const nodeId of late)
    await scene.report(nodeId, await scene.generation(nodeId), [{ releaseId, state: 'ready' }]);
  return late;
}

const actsOf = async (database: Database, { tenant }: Scene): Promise<readonly unknown[]> =>
  (await new AuditRepository(database).list(tenant, { action: 'node.caught-up', limit: 10 })).map(({ facts }) => facts);
const revisionOf = async (database: Database, { tenant }: Scene): Promise<number> =>
  (
    await database.query<{ revision: number }>('select revision::float8 as revision from routes where tenant = $1', [
      tenant,
    ])
  )[0]?.revision ?? -1;

describe.each(backends)('nodes that catch up on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await open());
  });
  afterAll(() => close());

  it('get requests once they have loaded the release, hear of it once, and go on record together', async () => {
    const scene = new Scene(database);
    const catchUps = new CatchUpRepository(database);
    const late = await waitingNodes(scene, catchUps, 3);
    const [generations, revision] = [await scene.generations(late), await revisionOf(database, scene)];
    await catchUps.settle(late);
    await catchUps.settle(late);
    for (const nodeId of late) expect(Object.values(await scene.weights(nodeId))).toEqual([100]);
    expect(await scene.generations(late)).toEqual(generations.map((generation) => generation + 1));
    expect(await revisionOf(database, scene)).toBe(revision + 1);
    expect(await actsOf(database, scene)).toEqual([{ releaseId: expect.any(String) as string, nodes: late }]);
  });
});

describe.runIf(process.env['HOTSWAP_TEST_POSTGRES_URL'] !== undefined)('with two servers on one Postgres', () => {
  let first: Awaited<ReturnType<typeof openPostgres>>;
  let second: Database;
  beforeAll(async () => {
    first = await openPostgres();
    second = await openDatabase({ url: first.url });
  });
  afterAll(async () => {
    await second[Symbol.asyncDispose]();
    await first.close();
  });

  it('nodes that catch up are finished by one of them when both look at the same moment', async () => {
    const { database } = first;
    const scene = new Scene(database);
    const late = await waitingNodes(scene, new CatchUpRepository(database), 5);
    const [generations, revision] = [await scene.generations(late), await revisionOf(database, scene)];
    let settled: Promise<unknown> = Promise.resolve();
    await database.transaction(async (session) => {
      await session.query('select from catch_ups where tenant = $1 for update', [scene.tenant]);
      await session.query('select from assignments where tenant = $1 for update', [scene.tenant]);
      settled = Promise.all([database, second].map((each) => new CatchUpRepository(each).settle(late)));
      const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      await expect.poll(async () => (await second.query(waiting)).length, { timeout: 20_000 }).toBe(2);
    });
    await settled;
    expect(await actsOf(database, scene)).toEqual([{ releaseId: expect.any(String) as string, nodes: late }]);
    expect(await scene.generations(late)).toEqual(generations.map((generation) => generation + 1));
    expect(await revisionOf(database, scene)).toBe(revision + 1);
    for (const nodeId of late) expect(Object.values(await scene.weights(nodeId))).toEqual([100]);
  });
});
