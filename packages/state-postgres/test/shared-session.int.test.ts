import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../src/index.ts';
import { Scene } from './scene.ts';

/** PGlite has one session. Without a gate the job queue's statements land in open transactions and vanish with them. */
describe('one session shared by transactions, knex and the job queue', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase({ inMemory: true, acquireTimeoutMs: 500 });
    await database.execute('create table notes (id int primary key, text text)');
    await database.boss.createQueue('test-jobs');
  });
  afterAll(() => database[Symbol.asyncDispose]());

  it('plans a wake in a transaction although no worker has started', async () => {
    const scene = new Scene(database);
    const release = await scene.release('1.0.0');
    await scene.append(
      await scene.batch('d', [{ kind: 'open', spec: scene.spec('d', release) }], {}, { wakeAt: Date.now() }),
    );
    expect(await database.query(`select 1 from pgboss.job where name = 'rollout-wake'`)).toHaveLength(1);
  });

  it('keeps a job that was sent while somebody else rolled back', async () => {
    let send: Promise<unknown> = Promise.resolve();
    const rolledBack = database.transaction(async (session) => {
      await session.execute(`insert into notes values (1, 'undone')`);
      send = database.boss.send('test-jobs', { kept: true });
      await session.query('select 1');
      throw new TypeError('change of mind');
    });
    await expect(rolledBack).rejects.toThrow('change of mind');
    await send;
    expect(await database.query('select 1 from notes')).toHaveLength(0);
    expect(await database.query(`select 1 from pgboss.job where name = 'test-jobs'`)).toHaveLength(1);
  });

  it('a failing statement of the queue does not end an open transaction', async () => {
    let failing: Promise<unknown> = Promise.resolve();
    const rolledBack = database.transaction(async (session) => {
      await session.execute(`insert into notes values (1, 'a')`);
      failing = database.boss
        .getDb()
        .executeSql('select nonsense')
        .catch(() => 'refused');
      await session.execute(`insert into notes values (2, 'b')`);
      throw new TypeError('change of mind');
    });
    await expect(rolledBack).rejects.toThrow();
    expect(await failing).toBe('refused');
    expect(await database.query('select 1 from notes')).toHaveLength(0);
  });

  it('loses nothing when transactions, knex and jobs are mixed', async () => {
    const rounds = Array.from({ length: 60 }, (_, i) => i + 100);
    await Promise.all(
      rounds.flatMap((i) => [
        database
          .transaction(async (session) => {
            await session.execute('insert into notes values ($1, $2)', [i, 'kept']);
            if (i % 3 === 0) throw new TypeError('undone');
          })
          .catch(() => undefined),
        database.boss.send('test-jobs', { i }),
        database.knex('notes').insert({ id: i + 1_000, text: 'by knex' }),
      ]),
    );
    const [counts] = await database.query<{ kept: number; knex: number; jobs: number }>(`
      select (select count(*)::int from notes where text = 'kept') as kept, (select count(*)::int from notes where text = 'by knex') as knex,
        (select count(*)::int from pgboss.job where name = 'test-jobs' and data ? 'i') as jobs`);
    expect(counts).toEqual({ kept: 40, knex: 60, jobs: 60 });
  });

  it('refuses a transaction that waits for itself, and works on', async () => {
    const waiting = database.transaction(() => database.query('select 1'));
    await expect(waiting).rejects.toMatchObject({ code: 'HS_STORE_UNAVAILABLE', retryable: true });
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('delivers hints of a commit, and none of what was rolled back', async () => {
    const heard: string[] = [];
    const stop = database.changes.subscribe((hint) => heard.push(hint.topic));
    const notify = (topic: string): string => `select pg_notify('hotswap_changes', '{"topic":"${topic}"}')`;
    await database
      .transaction(async (session) => {
        await session.query(notify('undone'));
        throw new TypeError('undone');
      })
      .catch(() => undefined);
    await database.transaction((session) => session.query(notify('done')));
    await database.query(`select pg_notify('hotswap_changes', 'no hint')`);
    await expect.poll(() => heard).toEqual(['done']);
    stop();
  });
});
