import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresScheduler, type Database } from '../src/index.ts';
import { backends } from './open-test-database.ts';
import { Scene } from './scene.ts';

const patient = { timeout: 10_000, interval: 50 };

describe.each(backends)('PostgresScheduler on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  let scheduler: PostgresScheduler;
  const woken: string[] = [];
  let onWake: (deploymentId: string) => Promise<void> = () => Promise.resolve();
  const times = (deploymentId: string): number => woken.filter((id) => id === deploymentId).length;

  beforeAll(async () => {
    ({ database, close } = await open());
    scheduler = new PostgresScheduler(database);
    await scheduler.start(async ({ deploymentId }) => {
      woken.push(deploymentId);
      await onWake(deploymentId);
    });
  });
  afterAll(async () => {
    await scheduler[Symbol.asyncDispose]();
    await close();
  });

  it('hands out a wake that is due, soon after the commit that plans it', async () => {
    const scene = new Scene(database);
    const release = await scene.release('1.0.0');
    await scene.append(
      await scene.batch('d', [{ kind: 'open', spec: scene.spec('d', release) }], {}, { wakeAt: 1_000 }),
    );
    await expect.poll(() => times(scene.id('d')), patient).toBe(1);
  });

  it('keeps a wake that is not due yet, and moves it with later commits', async () => {
    const scene = new Scene(database);
    const release = await scene.release('1.0.0');
    const later = Date.now() + 3_600_000;
    await scene.append(
      await scene.batch('d', [{ kind: 'open', spec: scene.spec('d', release) }], {}, { wakeAt: later }),
    );
    await scene.append(await scene.batch('d', [], {}, { wakeAt: later + 1 }));
    const jobs = await database.query<{ at: Date }>(
      `select start_after as at from pgboss.job where data ->> 'deploymentId' = $1`,
      [scene.id('d')],
    );
    expect(jobs.map(({ at }) => at.getTime())).toEqual([later + 1]);
    expect(times(scene.id('d'))).toBe(0);
    await scene.append(await scene.batch('d', [], {}, { wakeAt: Date.now() }));
    await expect.poll(() => times(scene.id('d')), patient).toBe(1);
  });

  it('plans nothing when the commit is refused', async () => {
    const scene = new Scene(database);
    const release = await scene.release('1.0.0');
    const opening = await scene.batch(
      'd',
      [{ kind: 'open', spec: scene.spec('d', release) }],
      {},
      { wakeAt: Date.now() + 3_600_000 },
    );
    await scene.append(opening);
    await expect(scene.journal.append([opening])).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_EXISTS' });
    const jobs = await database.query(`select 1 from pgboss.job where data ->> 'deploymentId' = $1`, [scene.id('d')]);
    expect(jobs).toHaveLength(1);
  });

  it('calls a handler that failed again', async () => {
    let failures = 0;
    onWake = (id) =>
      id === 'failing' && ++failures === 1 ? Promise.reject(new TypeError('not now')) : Promise.resolve();
    await scheduler.wake('t', 'failing', 0);
    await expect.poll(() => times('failing'), patient).toBe(2);
  });

  it('wakes outside a commit do not move the planned one', async () => {
    const scene = new Scene(database);
    const release = await scene.release('1.0.0');
    await scene.append(
      await scene.batch(
        'd',
        [{ kind: 'open', spec: scene.spec('d', release) }],
        {},
        { wakeAt: Date.now() + 3_600_000 },
      ),
    );
    await scheduler.wake(scene.tenant, scene.id('d'), Date.now() + 1_800_000);
    await scheduler.wake(scene.tenant, scene.id('d'), Date.now());
    await expect.poll(() => times(scene.id('d')), patient).toBe(1);
    const jobs = await database.query(
      `select 1 from pgboss.job where data ->> 'deploymentId' = $1 and state = 'created'`,
      [scene.id('d')],
    );
    expect(jobs).toHaveLength(2);
  });

  it('wakes what has been overdue for a while even when its job is lost', async () => {
    const scene = new Scene(database);
    const release = await scene.release('1.0.0');
    await scene.append(
      await scene.batch(
        'd',
        [{ kind: 'open', spec: scene.spec('d', release) }],
        {},
        { wakeAt: Date.now() + 3_600_000 },
      ),
    );
    await database.execute(`delete from pgboss.job where data ->> 'deploymentId' = $1`, [scene.id('d')]);
    await database.execute(`update deployments set wake_at = now() - interval '1 minute' where deployment_id = $1`, [
      scene.id('d'),
    ]);
    await expect.poll(() => times(scene.id('d')), patient).toBeGreaterThan(0);
  });

  it('wakes everything unfinished when a server starts, and nothing that has ended', async () => {
    const scene = new Scene(database);
    const release = await scene.release('1.0.0');
    await scene.append(
      await scene.batch('ended', [{ kind: 'open', spec: scene.spec('ended', release) }], { status: 'Cancelled' }),
    );
    await scene.append(
      await scene.batch('retained', [{ kind: 'open', spec: scene.spec('retained', release) }], {
        status: 'Completed',
        retainedUntil: 4_000_000_000_000,
      }),
    );
    await scene.append(await scene.batch('moving', [{ kind: 'open', spec: scene.spec('moving', release) }]));
    const second: string[] = [];
    await using other = new PostgresScheduler(database);
    await other.start(({ deploymentId }) => Promise.resolve(void second.push(deploymentId)));
    await expect
      .poll(() => second.filter((id) => id.startsWith(scene.tenant)), patient)
      .toEqual([scene.id('retained'), scene.id('moving')]);
  });
});
