import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventLogRepository, PostgresJournalStore, type Database } from '../src/index.ts';
import { backends, openPostgres } from './open-test-database.ts';
import { Scene } from './scene.ts';

const event = (subject: string, tenant = 'default', topic = 'node.changed') => ({ tenant, topic, subject });

describe.each(backends)('event log on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  let log: EventLogRepository;
  beforeEach(async () => {
    ({ database, close } = await open());
    log = new EventLogRepository(database);
  });
  afterEach(() => close());

  it('gives events their places in the order in which they were written, each once', async () => {
    expect(await log.read({ after: 0, limit: 10 })).toEqual({ events: [], keptFrom: 1, last: 0 });
    await log.append([event('a'), { ...event('b'), facts: { n: 1 } }]);
    expect((await log.read({ after: 0, limit: 10 })).events).toEqual([]);
    await log.order();
    await log.append([event('c')]);
    await Promise.all([log.order(), log.order(), log.order()]);
    expect(await log.read({ after: 0, limit: 10 })).toEqual({
      events: [
        { ...event('a'), position: 1 },
        { ...event('b'), facts: { n: 1 }, position: 2 },
        { ...event('c'), position: 3 },
      ],
      keptFrom: 1,
      last: 3,
    });
    expect((await log.read({ after: 1, upTo: 2, limit: 10 })).events.map(({ subject }) => subject)).toEqual(['b']);
    expect((await log.read({ after: 0, limit: 2 })).events).toHaveLength(2);
  });

  it('tells tenants apart, and a topic with those below it from others', async () => {
    await log.append([
      event('a', 'one'),
      event('b', 'two'),
      event('c', 'one', 'node'),
      event('d', 'one', 'nodes.changed'),
    ]);
    await log.append([event('server', 'one', 'events.lost')]);
    await log.order();
    const read = async (topic?: string): Promise<string> => {
      const found = await log.read({ tenant: 'one', after: 0, limit: 10, ...(topic === undefined ? {} : { topic }) });
      return found.events.map(({ subject }) => subject).join(' ');
    };
    expect(await read()).toBe('a c d server');
    expect(await read('node')).toBe('a c server');
  });

  it('keeps of several with the same name the first', async () => {
    await log.append([{ ...event('a'), once: 'x' }]);
    await log.append([
      { ...event('b'), once: 'x' },
      { ...event('c'), once: 'y' },
    ]);
    await log.order();
    expect((await log.read({ after: 0, limit: 10 })).events.map(({ subject }) => subject)).toEqual(['a', 'c']);
  });

  it('forgets the oldest by number and by age, and says from where on it is whole', async () => {
    await log.append(['a', 'b', 'c', 'd'].map((subject) => event(subject)));
    await log.order();
    expect(await log.forget(3_600_000, 10)).toBe(0);
    expect(await log.forget(3_600_000, 3)).toBe(1);
    expect(await log.read({ after: 0, limit: 1 })).toMatchObject({ keptFrom: 2, last: 4, events: [{ position: 2 }] });
    await database.execute(
      `update event_log set created_at = created_at - interval '2 hours' where position in (2, 3)`,
    );
    expect(await log.forget(3_600_000, 10)).toBe(2);
    expect(await log.read({ after: 0, limit: 9 })).toMatchObject({ keptFrom: 4, events: [{ subject: 'd' }] });
    expect(await log.forget(3_600_000, 0)).toBe(1);
    expect(await log.read({ after: 0, limit: 9 })).toEqual({ keptFrom: 5, last: 4, events: [] });
    await log.append([event('e')]);
    await log.order();
    expect((await log.read({ after: 4, limit: 9 })).events).toEqual([{ ...event('e'), position: 5 }]);
  });

  it('holds what deployments and routes do, written with it', async () => {
    const scene = new Scene(database);
    const release = await scene.release('1.0.0');
    const batch = await scene.batch('d', [{ kind: 'open', spec: scene.spec('d', release) }]);
    await expect(
      new PostgresJournalStore(database, {
        failpoint: (name) => {
          if (name === 'journal.append.before-commit') throw new TypeError('killed');
        },
      }).append([batch]),
    ).rejects.toThrow('killed');
    await log.order();
    expect((await log.read({ after: 0, limit: 9 })).events).toEqual([]);
    await scene.append(batch);
    await database.execute(`insert into routes (tenant, module_name, revision) values ('default', 'm', 1)`);
    await database.execute(`update routes set epoch = 7 where module_name = 'm'`);
    await database.execute(`update routes set revision = 2 where module_name = 'm'`);
    await log.order();
    const { events } = await log.read({ after: 0, limit: 9 });
    expect(events.map(({ topic, subject, facts }) => ({ topic, subject, facts }))).toEqual([
      { topic: 'deployment.changed', subject: scene.id('d'), facts: undefined },
      { topic: 'route.changed', subject: 'm', facts: { revision: 1 } },
      { topic: 'route.changed', subject: 'm', facts: { revision: 2 } },
    ]);
  });

  it('hints at what is new', async () => {
    const hints: string[] = [];
    database.changes.subscribe(({ topic }) => hints.push(topic));
    await log.append([event('a')]);
    await expect.poll(() => hints).toContain('events');
  });
});

describe.runIf(process.env['HOTSWAP_TEST_POSTGRES_URL'] !== undefined)('event log on a Postgres server', () => {
  it('lets nothing turn up before what was read, though transactions end in another order', async () => {
    const { database, url, close } = await openPostgres();
    const log = new EventLogRepository(database);
    const slow = new pg.Client({ connectionString: url });
    await slow.connect();
    await slow.query('begin');
    await slow.query(`insert into event_log (tenant, topic, subject) values ('default', 'node.changed', 'slow')`);
    await log.append([event('fast')]);
    await log.order();
    expect((await log.read({ after: 0, limit: 9 })).events).toEqual([{ ...event('fast'), position: 1 }]);
    await slow.query('commit');
    await slow.end();
    await log.order();
    expect((await log.read({ after: 1, limit: 9 })).events).toEqual([{ ...event('slow'), position: 2 }]);
    await close();
  });

  it('is one order however many write and order at the same time', async () => {
    const { database, close } = await openPostgres();
    const log = new EventLogRepository(database);
    const seen: number[] = [];
    let isWriting = true;
    const writers = Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; n < 50; n++) {
          await log.append([event(`${String(writer)}/${String(n)}`)]);
          await log.order();
        }
      }),
    ).finally(() => {
      isWriting = false;
    });
    const follow = async (): Promise<void> => {
      const { events } = await log.read({ after: seen.at(-1) ?? 0, limit: 7 });
      seen.push(...events.map(({ position }) => position));
    };
    while (isWriting) await follow();
    await writers;
    for (let before = -1; before !== seen.length;) {
      before = seen.length;
      await follow();
    }
    expect(seen).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    await close();
  });
});
