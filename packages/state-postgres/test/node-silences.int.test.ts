import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AuditRepository,
  NodeSilenceRepository,
  OutboxRepository,
  RouteRepository,
  type Database,
  type NodeSilence,
} from '../src/index.ts';
import { backends } from './open-test-database.ts';
import { Scene } from './scene.ts';

const twoMinutesMs = 120_000;

describe.each(backends)('silent nodes on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await open());
  });
  afterAll(() => close());

  const wording = ({
    nodeId,
    kind,
  }: NodeSilence): { readonly text: string; readonly severity: 'warning' | 'info' } => ({
    text: `${nodeId} is ${kind}`,
    severity: kind === 'silent' ? 'warning' : 'info',
  });
  /** What one look notes of the tenant. */
  const look = async ({ tenant }: Scene): Promise<readonly unknown[]> =>
    (await new NodeSilenceRepository(database).turn(twoMinutesMs, wording))
      .filter((silence) => silence.tenant === tenant)
      .map(({ nodeId, kind }) => [nodeId, kind]);
  /** Time passes for a node: its last heartbeat moves back. */
  const pass = (scene: Scene, nodeId: string, ms: number): Promise<number> =>
    database.execute(
      `update node_heartbeats set last_heartbeat_at = last_heartbeat_at - $3::float8 * interval '1 millisecond' where tenant = $1 and node_id = $2`,
      [scene.tenant, nodeId, ms],
    );
  const messages = ({ tenant }: Scene): Promise<readonly { text: string; severity: string }[]> =>
    database.query('select text, severity, node_id as "nodeId" from outbox where tenant = $1 order by message_id', [
      tenant,
    ]);
  const acts = async ({ tenant }: Scene): Promise<readonly string[]> =>
    (await new AuditRepository(database).list(tenant, { limit: 100 }))
      .filter(({ action }) => /node\.(unhealthy|recovered)/.test(action))
      .map(({ action, object, actor }) => `${actor} ${action} ${object}`);

  it('are noted after two minutes and not before, once, and once more when they are back (NOD-5)', async () => {
    const scene = new Scene(database);
    await scene.join(2);
    expect(await look(scene)).toEqual([]);
    await pass(scene, 'n0', twoMinutesMs - 10_000);
    expect(await look(scene)).toEqual([]);
    await pass(scene, 'n0', 10_000);
    expect(await look(scene)).toEqual([['n0', 'silent']]);
    expect(await look(scene)).toEqual([]);
    await scene.report('n0', 0, []);
    expect(await look(scene)).toEqual([['n0', 'heard']]);
    expect(await look(scene)).toEqual([]);
    expect(await messages(scene)).toEqual([
      { text: 'n0 is silent', severity: 'warning', nodeId: 'n0' },
      { text: 'n0 is heard', severity: 'info', nodeId: 'n0' },
    ]);
    expect(await acts(scene)).toEqual(['engine:node-watch node.unhealthy n0', 'engine:node-watch node.recovered n0']);
  });

  it('have no share of routes until they are heard of again, unless all nodes of a module are silent (NOD-8)', async () => {
    const scene = new Scene(database);
    await scene.serve('d', await scene.release('1.0.0'), await scene.join(2));
    const routes = new RouteRepository(database);
    const route = async (): Promise<readonly unknown[]> => {
      const found = (await routes.find(scene.tenant, 'greeter')) ?? expect.unreachable();
      return [found.revision, found.targets.map(({ nodeId }) => nodeId)];
    };
    const [before] = (await route()) as [number];
    expect(await route()).toEqual([before, ['n0', 'n1']]);
    await pass(scene, 'n0', twoMinutesMs);
    await look(scene);
    expect(await route()).toEqual([before + 1, ['n1']]);
    expect((await routes.list(scene.tenant)).items.map(({ targets }) => targets.length)).toEqual([1]);
    await pass(scene, 'n1', twoMinutesMs);
    await look(scene);
    expect(await route()).toEqual([before + 2, ['n0', 'n1']]);
    await scene.report('n0', await scene.generation('n0'), []);
    await look(scene);
    expect(await route()).toEqual([before + 3, ['n0']]);
    await scene.report('n1', await scene.generation('n1'), []);
    await look(scene);
    expect(await route()).toEqual([before + 4, ['n0', 'n1']]);
  });

  it('are noted by one of the servers that see it at the same time', async () => {
    const scene = new Scene(database);
    await scene.join(3);
    for (const nodeId of ['n0', 'n1', 'n2']) await pass(scene, nodeId, twoMinutesMs);
    const seen = await Promise.all(Array.from({ length: 5 }, () => look(scene)));
    expect(seen.flat()).toHaveLength(3);
    expect(await messages(scene)).toHaveLength(3);
  });

  it('are forgotten when they are disabled or deleted, and disabled ones are not noted', async () => {
    const scene = new Scene(database);
    await scene.join(2);
    await scene.nodes.update(scene.tenant, 'n1', { isEnabled: false });
    for (const nodeId of ['n0', 'n1']) await pass(scene, nodeId, twoMinutesMs);
    expect(await look(scene)).toEqual([['n0', 'silent']]);
    await scene.nodes.update(scene.tenant, 'n0', { isEnabled: false });
    expect(await look(scene)).toEqual([['n0', 'heard']]);
    await scene.nodes.update(scene.tenant, 'n0', { isEnabled: true });
    expect(await look(scene)).toEqual([['n0', 'silent']]);
    await scene.nodes.delete(scene.tenant, 'n0');
    expect(await look(scene)).toEqual([]);
  });

  it('that have joined and never reported are silent since they joined', async () => {
    const scene = new Scene(database);
    await scene.join(1);
    await database.execute('delete from node_heartbeats where tenant = $1', [scene.tenant]);
    expect(await look(scene)).toEqual([]);
    await database.execute(`update nodes set created_at = created_at - interval '2 minutes' where tenant = $1`, [
      scene.tenant,
    ]);
    expect(await look(scene)).toEqual([['n0', 'silent']]);
  });

  it('messages that are not delivered come again, each time after twice as long', async () => {
    const scene = new Scene(database);
    await scene.join(1);
    await pass(scene, 'n0', twoMinutesMs);
    await look(scene);
    const outbox = new OutboxRepository(database);
    const delays: number[] = [];
    for (let attempt = 0; attempt < 4; attempt++) {
      await outbox.claim(1_000, 1_000);
      const [row] = await database.query<{ id: number; ms: number }>(
        `select message_id::float8 as id, round(extract(epoch from next_attempt_at - clock_timestamp()))::float8 as ms from outbox where tenant = $1`,
        [scene.tenant],
      );
      delays.push(row?.ms ?? 0);
      expect(await outbox.read(row?.id ?? 0)).toMatchObject({
        nodeId: 'n0',
        deploymentId: null,
        attempts: attempt + 1,
      });
      await database.execute('update outbox set next_attempt_at = clock_timestamp() where tenant = $1', [scene.tenant]);
    }
    expect(delays).toEqual([1, 2, 4, 8]);
  });
});
