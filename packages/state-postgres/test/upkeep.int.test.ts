import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PgliteVacuum } from '../src/database/pglite-vacuum.ts';
import { openDatabase, PostgresJournalStore, type ChangeHint, type Database } from '../src/index.ts';
import { openPostgres } from './open-test-database.ts';
import { Scene } from './scene.ts';

describe('PgliteVacuum', () => {
  it('takes the tables that have changed much, and no others', async () => {
    await using database = await openDatabase({ inMemory: true });
    await database.execute('create table worn (id int primary key, n int)');
    await database.execute('create table fresh (id int primary key)');
    await database.execute('insert into worn select n, 0 from generate_series(1, 1000) as n');
    for (let i = 0; i < 3; i++) await database.execute('update worn set n = n + 1');
    using vacuum = new PgliteVacuum(database as never);
    // The server publishes its counters at most once a second.
    await expect.poll(() => vacuum.run(), { timeout: 10_000 }).toContain('public.worn');
    await expect.poll(() => vacuum.run(), { timeout: 10_000 }).not.toContain('public.worn');
    expect(await database.query('select sum(n)::int as sum from worn')).toEqual([{ sum: 3_000 }]);
  });
});

describe.runIf(process.env['HOTSWAP_TEST_POSTGRES_URL'] !== undefined)('on a Postgres server', () => {
  let database: Database;
  let url: string;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, url, close } = await openPostgres());
  });
  afterAll(() => close());

  it('many servers can open an empty database at the same time', async () => {
    await database.knex.raw('drop schema public cascade; create schema public; drop schema pgboss cascade');
    const opened = await Promise.all(Array.from({ length: 3 }, () => openDatabase({ url })));
    const [row] = await database.query<{ count: number }>('select count(*)::int as count from hotswap_migrations');
    expect(row?.count).toBeGreaterThan(0);
    for (const each of opened) await each[Symbol.asyncDispose]();
  });

  it('an interrupted migration is done again by the next start', async () => {
    await database.knex.raw(
      `drop table settings; delete from hotswap_migrations where name like '003%' or name like '005%'; update hotswap_migrations_lock set is_locked = 1`,
    );
    await database.knex.raw(
      'drop table credentials, idempotency_keys, call_metrics; drop function hotswap_merge_sketches, hotswap_add_sums cascade',
    );
    await using again = await openDatabase({ url });
    expect(await again.query('select 1 from settings')).toEqual([]);
  });

  it('hears hints again after its connection was cut, and is told that some may be missing', async () => {
    const hints: ChangeHint[] = [];
    const stop = database.changes.subscribe((hint) => hints.push(hint));
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hotswap-listen' and datname = current_database()`,
    );
    await expect.poll(() => hints, { timeout: 10_000 }).toContainEqual({ topic: 'resync' });
    await expect
      .poll(
        async () => {
          await admin.query(`select pg_notify('hotswap_changes', '{"topic":"route"}')`);
          return hints.some((hint) => hint.topic === 'route');
        },
        { timeout: 10_000 },
      )
      .toBe(true);
    await admin.end();
    stop();
  });

  it('goes on after every connection was cut in the middle of appends, and no append is half', async () => {
    const scene = new Scene(database);
    const release = await scene.release('1.0.0');
    await scene.append(await scene.batch('d', [{ kind: 'open', spec: scene.spec('d', release) }]));
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    let unavailable = 0;
    for (let round = 0; round < 40; round++) {
      const batch = await scene.batch(
        'd',
        [{ kind: 'notify', text: `${round}`, severity: 'info' }],
        {},
        { wakeAt: Date.now() + 3_600_000 },
      );
      const cut =
        round % 10 === 5
          ? admin.query(
              `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hotswap' and datname = current_database()`,
            )
          : undefined;
      for (let done = false; !done;) {
        const failure = await scene.append(batch).then(
          () => null,
          (error: unknown) => error as { readonly code: string },
        );
        // After a lost connection nobody knows whether the commit arrived; the head does.
        done = failure === null || failure.code === 'HS_JOURNAL_CONFLICT';
        if (!done) expect(failure).toMatchObject({ code: 'HS_STORE_UNAVAILABLE', retryable: true });
        unavailable += done ? 0 : 1;
      }
      await cut;
      // The cut may meet this reading in place of the append: it is told so, and may be repeated.
      for (let read = false; !read;) {
        const failure = await scene.adopt('d').catch((error: unknown) => error);
        read = failure === undefined;
        if (!read) expect(failure).toMatchObject({ code: 'HS_STORE_UNAVAILABLE', retryable: true });
        unavailable += read ? 0 : 1;
      }
    }
    await admin.end();
    const entries = await new PostgresJournalStore(database).read(scene.tenant, scene.id('d'));
    const messages = await database.query('select 1 from outbox where tenant = $1', [scene.tenant]);
    expect([entries.length, messages.length]).toEqual([41, 40]);
    expect(unavailable).toBeLessThan(20);
  });

  it('refuses an address where nobody answers', async () => {
    await expect(openDatabase({ url: 'postgres://127.0.0.1:1/none' })).rejects.toMatchObject({
      code: 'HS_STORE_UNAVAILABLE',
    });
  });
});
