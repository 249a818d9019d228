import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../src/index.ts';
import { backends } from './open-test-database.ts';
import { Scene } from './scene.ts';

const minuteMs = 60_000;

describe.each(backends)('starts of nodes on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await open());
  });
  afterAll(() => close());

  /** Time passes for a node: what was seen of it lies further back. */
  const pass = (scene: Scene, ms: number): Promise<number> =>
    database.execute(
      `update node_heartbeats set boots_at = (select array_agg(seen - $2::float8 * interval '1 millisecond' order by seen desc) from unnest(boots_at) seen)
       where tenant = $1`,
      [scene.tenant, ms],
    );
  const starts = async ({ nodes, tenant }: Scene): Promise<number> => (await nodes.get(tenant, 'n0')).recentStarts;
  const isFlapping = async ({ fleet, tenant }: Scene): Promise<boolean | undefined> =>
    (await fleet.candidates(tenant, 'greeter', null))[0]?.flapping;
  /** Starts once more, by a clock of its own that shows `at`, and reports twice. */
  const start = async (scene: Scene, at: number, name: string): Promise<void> => {
    const bootId = `${String(at).padStart(13, '0')}-${name}`;
    await scene.report('n0', 0, [], { bootId });
    await scene.report('n0', 0, [], { bootId });
  };
  const clocks = [
    ['is right', Date.now()],
    ['stands at 1970', 0],
    ['is ten years ahead', Date.now() + 3_650 * 86_400_000],
  ] as const;

  it.each(clocks)('count by when they were seen, for a node whose clock %s', async (_which, clock) => {
    const scene = new Scene(database);
    await scene.join(1);
    expect([await starts(scene), await isFlapping(scene)]).toEqual([0, false]);
    for (const name of ['a', 'b', 'c']) {
      await pass(scene, minuteMs);
      // Its clock does not even go on.
      await start(scene, clock, name);
    }
    expect([await starts(scene), await isFlapping(scene)]).toEqual([3, true]);
    await pass(scene, 10 * minuteMs - 5_000);
    expect(await isFlapping(scene)).toBe(true);
    await pass(scene, 5_000);
    expect([await starts(scene), await isFlapping(scene)]).toEqual([0, false]);
  });

  it.each(clocks)('that lie far apart are no flapping, for a node whose clock %s', async (_which, clock) => {
    const scene = new Scene(database);
    await scene.join(1);
    for (const name of ['a', 'b', 'c', 'd']) {
      await pass(scene, 6 * minuteMs);
      await start(scene, clock, name);
    }
    expect([await starts(scene), await isFlapping(scene)]).toEqual([1, false]);
  });

  it('count once each, also when reports of boots that were followed come late', async () => {
    const scene = new Scene(database);
    await scene.join(1);
    const now = Date.now();
    await start(scene, now, 'a');
    await start(scene, now, 'b');
    for (let i = 0; i < 5; i++) await start(scene, now, 'a');
    expect(await starts(scene)).toBe(2);
    for (let i = 0; i < 40; i++) await start(scene, now, `boot${i}`);
    expect(await starts(scene)).toBe(20);
  });
});
