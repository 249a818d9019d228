import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { genesisHash, noMetrics, verifyJournal, type ReleaseCallDelta } from '@hotswap/core';
import {
  DeploymentRepository,
  OutboxRepository,
  PostgresJournalStore,
  journalFailpoints,
  PostgresMetricsSource,
  PostgresFleetReader,
  RouteRepository,
  type ChangeHint,
  type Database,
} from '../src/index.ts';
import { backends } from './open-test-database.ts';
import { Scene } from './scene.ts';

const all = (count: number): readonly (readonly [number, number])[] => [[0, count]];

describe.each(backends)('on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await open());
  });
  afterAll(() => close());

  describe('PostgresJournalStore', () => {
    it('gives entries back exactly as they were written, from the start or after a number', async () => {
      const scene = new Scene(database);
      const release = await scene.release('1.0.0');
      const odd = 'half \ud800 and nul \0 and 1e21';
      await scene.append(await scene.batch('d', [{ kind: 'open', spec: scene.spec('d', release) }], { reason: odd }));
      await scene.change('d');
      const entries = await scene.journal.read(scene.tenant, scene.id('d'));
      await verifyJournal(scene.id('d'), entries);
      expect(entries.map((entry) => entry.seq)).toEqual([0, 1]);
      expect(await scene.journal.read(scene.tenant, scene.id('d'), 0)).toEqual(entries.slice(1));
      expect(await scene.journal.read('other', scene.id('d'))).toEqual([]);
    });

    it('lets one of many appends on the same head through, and the others write nothing', async () => {
      const scene = new Scene(database);
      const release = await scene.release('1.0.0');
      await scene.append(await scene.batch('d', [{ kind: 'open', spec: scene.spec('d', release) }]));
      const batches = await Promise.all(
        Array.from({ length: 12 }, (_, i) => scene.batch('d', [{ kind: 'notify', text: `${i}`, severity: 'info' }])),
      );
      const results = await Promise.allSettled(batches.map((batch) => scene.journal.append([batch])));
      const refused = results
        .filter((result) => result.status === 'rejected')
        .map((result) => (result.reason as { code: string }).code);
      expect(refused).toEqual(Array.from({ length: 11 }, () => 'HS_JOURNAL_CONFLICT'));
      expect(await scene.journal.read(scene.tenant, scene.id('d'))).toHaveLength(2);
      const messages = await database.query('select 1 from outbox where tenant = $1', [scene.tenant]);
      expect(messages).toHaveLength(1);
    });

    it('writes nothing of any batch when one of them conflicts', async () => {
      const scene = new Scene(database);
      const release = await scene.release('1.0.0');
      await scene.append(
        await scene.batch('a', [{ kind: 'open', spec: scene.spec('a', release) }], { status: 'Completed' }),
      );
      await scene.append(await scene.batch('b', [{ kind: 'open', spec: scene.spec('b', release) }]));
      const stale = { ...(await scene.batch('b', [])), expectedHead: genesisHash };
      const entry = { ...(stale.entries[0] as (typeof stale.entries)[number]), previousHash: genesisHash };
      await expect(
        scene.journal.append([
          await scene.batch('a', [{ kind: 'notify', text: 'x', severity: 'info' }]),
          { ...stale, entries: [entry] },
        ]),
      ).rejects.toMatchObject({ code: 'HS_JOURNAL_CONFLICT' });
      expect(await scene.journal.read(scene.tenant, scene.id('a'))).toHaveLength(1);
    });

    it('refuses a second active deployment in overlapping regions and names the first', async () => {
      const scene = new Scene(database);
      const release = await scene.release('1.0.0');
      const opening = async (id: string, regions: readonly string[] | null): Promise<void> =>
        scene.append(
          await scene.batch(id, [{ kind: 'open', spec: scene.spec(id, release, { regions }) }], { status: 'Pending' }),
        );
      await opening('east', ['us-east']);
      await opening('west', ['us-west', 'eu']);
      const refusal = {
        code: 'HS_DEPLOYMENT_ACTIVE',
        details: { deploymentId: scene.id('east'), moduleName: 'greeter', status: 'Pending' },
      };
      await expect(opening('everywhere', null)).rejects.toMatchObject(refusal);
      await expect(opening('again', ['us-east', 'asia'])).rejects.toMatchObject(refusal);
      const anew = await new Scene(database).batch('x', [
        { kind: 'open', spec: scene.spec('east', release, { regions: ['asia'] }) },
      ]);
      await expect(
        scene.journal.append([{ ...anew, tenant: scene.tenant, deploymentId: scene.id('east') }]),
      ).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_EXISTS' });
      await scene.append(await scene.batch('east', [], { status: 'Cancelled' }));
      await opening('again', ['us-east', 'asia']);
    });

    it('lets one of many concurrent opens of a module through', async () => {
      const scene = new Scene(database);
      const release = await scene.release('1.0.0');
      const batches = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          scene.batch(`d${i}`, [{ kind: 'open', spec: scene.spec(`d${i}`, release) }], { status: 'Pending' }),
        ),
      );
      const results = await Promise.allSettled(batches.map((batch) => scene.journal.append([batch])));
      expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    });

    it('passes its failpoints before and after the commit', async () => {
      const scene = new Scene(database);
      const release = await scene.release('1.0.0');
      let dying = '';
      const passed: string[] = [];
      const store = new PostgresJournalStore(database, {
        failpoint: (name) => {
          passed.push(name);
          if (name === dying) throw new TypeError('died here');
        },
      });
      const batch = await scene.batch(
        'd',
        [{ kind: 'open', spec: scene.spec('d', release) }],
        {},
        { wakeAt: 4_000_000_000_000 },
      );
      const written = async (): Promise<number> => (await store.read(scene.tenant, scene.id('d'))).length;
      dying = 'journal.append.before-commit';
      await expect(store.append([batch])).rejects.toThrow('died here');
      expect([await written(), passed]).toEqual([0, ['journal.append.before-commit']]);
      dying = 'journal.append.after-commit';
      await expect(store.append([batch])).rejects.toThrow('died here');
      expect([await written(), new Set(passed)]).toEqual([1, new Set(journalFailpoints)]);
    });

    it('refuses entries that do not follow from one another', async () => {
      const scene = new Scene(database);
      const batch = await scene.batch('d', []);
      await expect(scene.journal.append([{ ...batch, expectedHead: 'f'.repeat(64) }])).rejects.toMatchObject({
        code: 'HS_JOURNAL_CORRUPT',
      });
    });

    it('sends hints about what has changed after the commit', async () => {
      const scene = new Scene(database);
      const release = await scene.release('1.0.0');
      const targets = await scene.join(2);
      await scene.deploy('d', release, targets);
      const hints: ChangeHint[] = [];
      const stop = database.changes.subscribe(
        (hint) => 'tenant' in hint && hint.tenant === scene.tenant && hints.push(hint),
      );
      const weights = { candidate: 100, baselineOnStage: 0, baselineElsewhere: 0 };
      await scene.change(
        'd',
        { kind: 'assign', nodes: all(2), releaseId: release },
        { kind: 'route', releaseId: release, to: all(2), among: all(2), weights },
      );
      await expect
        .poll(() => hints.slice(-3))
        .toEqual([
          { topic: 'deployment', tenant: scene.tenant, deploymentId: scene.id('d') },
          { topic: 'desired', tenant: scene.tenant, deploymentId: scene.id('d') },
          { topic: 'route', tenant: scene.tenant, moduleName: 'greeter' },
        ]);
      stop();
    });
  });

  describe('changes', () => {
    it('assign raises the generation of nodes that lack the release, and of those that failed to load it', async () => {
      const scene = new Scene(database);
      const release = await scene.release('1.0.0');
      const targets = await scene.join(3);
      await scene.deploy('d', release, targets);
      await scene.change('d', { kind: 'assign', nodes: [[0, 2]], releaseId: release });
      expect(await scene.generations(targets)).toEqual([1, 1, 0]);
      await scene.report('n0', 1, [{ releaseId: release, state: 'ready' }]);
      await scene.report('n1', 1, [
        { releaseId: release, state: 'failed', error: { code: 'HS_X', message: 'nul \0 here' } },
      ]);
      expect(await scene.fleet.loadProgress(scene.id('d'), all(3), release)).toMatchObject({
        done: 1,
        failed: 1,
        pending: 1,
        unreachable: 0,
        failures: [{ position: 1, code: 'HS_X', message: 'nul \ufffd here' }],
        silent: [[2, 3]],
      });
      await scene.change('d', { kind: 'assign', nodes: all(3), releaseId: release });
      expect(await scene.generations(targets)).toEqual([1, 2, 1]);
      await scene.report('n1', 1, [
        { releaseId: release, state: 'failed', error: { code: 'HS_X', message: 'old report' } },
      ]);
      expect(await scene.fleet.loadProgress(scene.id('d'), all(3), release)).toMatchObject({
        done: 1,
        failed: 0,
        pending: 2,
      });
      await scene.report('n1', 2, [{ releaseId: release, state: 'ready' }]);
      expect(
        await scene.fleet.loadProgress(
          scene.id('d'),
          [
            [0, 1],
            [1, 2],
          ],
          release,
        ),
      ).toMatchObject({ done: 2, silent: [] });
    });

    it('gives a node its desired state', async () => {
      const scene = new Scene(database);
      const [v1, v2] = [await scene.release('1.0.0'), await scene.release('2.0.0')];
      const targets = await scene.join(4);
      await scene.serve('d1', v1, targets);
      await scene.deploy('d2', v2, targets);
      await scene.change('d2', { kind: 'assign', nodes: [[0, 1]], releaseId: v2 });
      await scene.change('d2', {
        kind: 'route',
        releaseId: v2,
        to: [[0, 1]],
        among: all(4),
        weights: { candidate: 40, baselineOnStage: 60, baselineElsewhere: 100 },
      });
      const states = await scene.desired.read(scene.tenant, [...targets, 'nobody']);
      expect([...states.keys()]).toEqual(targets);
      const state = states.get('n0');
      expect(state).toMatchObject({
        nodeId: 'n0',
        heartbeatIntervalMs: 1_000,
        modules: [{ moduleName: 'greeter', epoch: 2 }],
      });
      const shares = Object.fromEntries(
        state?.modules[0]?.releases.map((release) => [release.releaseId, release.weight]) ?? [],
      );
      expect(shares).toEqual({ [v1]: 60, [v2]: 40 });
      expect(state?.modules[0]?.releases.find((release) => release.releaseId === v2)).toMatchObject({
        moduleId: 'greeter-v2.0.0',
        version: '2.0.0',
        sizeBytes: 10,
        config: {},
      });
    });

    it('route tells only nodes whose own split changes, besides those of the stage', async () => {
      const scene = new Scene(database);
      const [v1, v2] = [await scene.release('1.0.0'), await scene.release('2.0.0')];
      const targets = await scene.join(4);
      await scene.serve('d1', v1, targets);
      await scene.deploy('d2', v2, targets);
      await scene.change('d2', { kind: 'assign', nodes: [[0, 2]], releaseId: v2 });
      const before = await scene.generations(targets);
      const revision = await scene.fleet.routeRevision(scene.tenant, 'greeter');
      await scene.change('d2', {
        kind: 'route',
        releaseId: v2,
        to: [[0, 2]],
        among: all(4),
        weights: { candidate: 50, baselineOnStage: 0, baselineElsewhere: 150 },
      });
      const after = await scene.generations(targets);
      expect(after.map((generation, at) => generation - (before[at] ?? 0))).toEqual([1, 1, 0, 0]);
      expect(await scene.weights('n0')).toEqual({ [v1]: 0, [v2]: 50 });
      expect(await scene.weights('n3')).toEqual({ [v1]: 150 });
      expect(await scene.fleet.routeRevision(scene.tenant, 'greeter')).toBe(revision + 1);
      // The stage shrinks: the node that leaves it serves the baseline again and has to be told.
      await scene.change('d2', {
        kind: 'route',
        releaseId: v2,
        to: [[0, 1]],
        among: all(4),
        weights: { candidate: 100, baselineOnStage: 0, baselineElsewhere: 100 },
      });
      expect((await scene.generations(targets)).map((generation, at) => generation - (after[at] ?? 0))).toEqual([
        1, 1, 0, 0,
      ]);
      expect(await scene.weights('n1')).toEqual({ [v1]: 100, [v2]: 0 });
    });

    it('applyProgress counts only reports at or above what this deployment last told the node', async () => {
      const scene = new Scene(database);
      const release = await scene.release('1.0.0');
      const targets = await scene.join(2);
      await scene.deploy('d', release, targets);
      await scene.change('d', { kind: 'assign', nodes: all(2), releaseId: release });
      await scene.change('d', {
        kind: 'route',
        releaseId: release,
        to: all(2),
        among: all(2),
        weights: { candidate: 100, baselineOnStage: 0, baselineElsewhere: 0 },
      });
      await scene.report('n0', 1, [{ releaseId: release, state: 'ready' }]);
      expect(await scene.fleet.applyProgress(scene.id('d'), all(2))).toMatchObject({ done: 0, pending: 2 });
      await scene.report('n0', 2, [{ releaseId: release, state: 'ready' }]);
      await scene.report('n1', 2, [{ releaseId: release, state: 'failed', error: { code: 'HS_X', message: 'no' } }]);
      expect(await scene.fleet.applyProgress(scene.id('d'), all(2))).toMatchObject({ done: 1, failed: 1, pending: 0 });
    });

    it('tells silent nodes from pending ones by the time since they were told or heard of', async () => {
      const scene = new Scene(database);
      const release = await scene.release('1.0.0');
      const targets = await scene.join(2);
      const hasty = new PostgresFleetReader(database, { unreachableAfterMs: 60_000 });
      await database.execute(
        `update node_heartbeats set last_heartbeat_at = clock_timestamp() - interval '5 minutes' where tenant = $1`,
        [scene.tenant],
      );
      await scene.deploy('d', release, targets);
      await scene.change('d', { kind: 'assign', nodes: all(2), releaseId: release });
      expect(await hasty.loadProgress(scene.id('d'), all(2), release)).toMatchObject({ pending: 2, unreachable: 0 });
      await database.execute(
        `update deployment_targets set issued_at = clock_timestamp() - interval '2 minutes' where deployment_id = $1 and position = 0`,
        [scene.id('d')],
      );
      expect(await hasty.loadProgress(scene.id('d'), all(2), release)).toMatchObject({
        pending: 1,
        unreachable: 1,
        silent: [[0, 2]],
      });
      expect((await scene.fleet.candidates(scene.tenant, 'greeter', null)).map((node) => node.reachable)).toEqual([
        false,
        false,
      ]);
      await scene.nodes
        .delete(scene.tenant, 'n1')
        .catch((error: unknown) => expect(error).toMatchObject({ code: 'HS_NODE_IN_USE' }));
    });

    it('healthProgress counts reports of the round alone', async () => {
      const scene = new Scene(database);
      const release = await scene.release('1.0.0');
      const targets = await scene.join(3);
      await scene.deploy('d', release, targets);
      await scene.change('d', { kind: 'assign', nodes: all(3), releaseId: release });
      const check = scene.spec('d', release).healthCheck;
      await scene.change('d', { kind: 'probe', nodes: all(3), releaseId: release, step: 4, check });
      const round = `${scene.id('d')}:4`;
      const states = await scene.desired.read(scene.tenant, ['n0']);
      expect(states.get('n0')?.modules[0]?.releases[0]?.probe).toEqual({ round, check });
      const health = { round, state: 'healthy', consecutiveSuccesses: 1, consecutiveFailures: 0 } as const;
      await scene.report('n0', 1, [{ releaseId: release, state: 'ready', health }]);
      await scene.report('n1', 2, [
        { releaseId: release, state: 'ready', health: { ...health, round: `${scene.id('d')}:3` } },
      ]);
      expect(await scene.fleet.healthProgress(scene.id('d'), all(3), 4)).toMatchObject({ done: 0, pending: 3 });
      await scene.report('n0', 2, [{ releaseId: release, state: 'ready', health }]);
      await scene.report('n1', 2, [
        { releaseId: release, state: 'ready', health: { ...health, state: 'unhealthy', message: 'said no' } },
      ]);
      await scene.report('n2', 2, [{ releaseId: release, state: 'ready', health: { ...health, state: 'unknown' } }]);
      expect(await scene.fleet.healthProgress(scene.id('d'), all(3), 4)).toMatchObject({
        done: 1,
        failed: 1,
        pending: 1,
        failures: [{ position: 1, code: 'HS_NODE_UNHEALTHY', message: 'said no' }],
        silent: [[2, 3]],
      });
      await scene.change('d', { kind: 'endProbes' });
      expect(
        (await scene.desired.read(scene.tenant, ['n0'])).get('n0')?.modules[0]?.releases[0]?.probe,
      ).toBeUndefined();
      const generations = await scene.generations(targets);
      await scene.change('d', { kind: 'endProbes' });
      expect(await scene.generations(targets)).toEqual(generations);
    });

    it('restore brings back exactly the baseline and leaves untouched nodes alone', async () => {
      const scene = new Scene(database);
      const [v1, v2] = [await scene.release('1.0.0'), await scene.release('2.0.0')];
      const targets = await scene.join(3);
      await scene.serve('d1', v1, ['n0', 'n1']);
      await scene.deploy('d2', v2, targets);
      await scene.change('d2', {
        kind: 'assign',
        nodes: [
          [0, 1],
          [2, 3],
        ],
        releaseId: v2,
      });
      await scene.change('d2', {
        kind: 'route',
        releaseId: v2,
        to: [
          [0, 1],
          [2, 3],
        ],
        among: all(3),
        weights: { candidate: 100, baselineOnStage: 0, baselineElsewhere: 100 },
      });
      await scene.change('d2', {
        kind: 'probe',
        nodes: [[0, 1]],
        releaseId: v1,
        step: 1,
        check: scene.spec('d2', v2).healthCheck,
      });
      const before = await scene.generations(targets);
      await scene.change(
        'd2',
        { kind: 'raiseEpoch', epoch: 9 },
        { kind: 'restore', nodes: all(3) },
        { kind: 'probeBaseline', nodes: [[0, 2]], step: 7 },
      );
      expect([await scene.weights('n0'), await scene.weights('n1'), await scene.weights('n2')]).toEqual([
        { [v1]: 100 },
        { [v1]: 100 },
        {},
      ]);
      expect((await scene.generations(targets)).map((generation, at) => generation - (before[at] ?? 0))).toEqual([
        2, 1, 1,
      ]);
      expect(await scene.fleet.epoch(scene.tenant, 'greeter')).toBe(9);
      const state = (await scene.desired.read(scene.tenant, ['n0'])).get('n0');
      expect(state?.modules[0]?.releases[0]).toMatchObject({
        releaseId: v1,
        weight: 100,
        probe: { round: `${scene.id('d2')}:7`, check: { functionName: 'health_check', enabled: true } },
      });
      const health = {
        round: `${scene.id('d2')}:7`,
        state: 'healthy',
        consecutiveSuccesses: 1,
        consecutiveFailures: 0,
      } as const;
      for (const nodeId of ['n0', 'n1'])
        await scene.report(nodeId, await scene.generation(nodeId), [{ releaseId: v1, state: 'ready', health }]);
      expect(await scene.fleet.healthProgress(scene.id('d2'), [[0, 2]], 7)).toMatchObject({ done: 2, failed: 0 });
    });

    it('retireReplaced takes what the route does not name, and retention is found until it ends', async () => {
      const scene = new Scene(database);
      const [v1, v2] = [await scene.release('1.0.0'), await scene.release('2.0.0')];
      const targets = await scene.join(2, (at) => (at === 0 ? 'us-east' : 'eu'));
      await scene.serve('d1', v1, targets);
      await scene.deploy('d2', v2, targets);
      const weights = { candidate: 100, baselineOnStage: 0, baselineElsewhere: 0 };
      await scene.change(
        'd2',
        { kind: 'assign', nodes: all(2), releaseId: v2 },
        { kind: 'route', releaseId: v2, to: all(2), among: all(2), weights },
      );
      await scene.append(await scene.batch('d2', [], { status: 'Completed', retainedUntil: 5_000_000_000_000 }));
      expect(await scene.fleet.retained(scene.tenant, 'greeter', ['eu'])).toEqual([scene.id('d2')]);
      expect(await scene.fleet.retained(scene.tenant, 'greeter', null)).toEqual([scene.id('d2')]);
      expect(await scene.fleet.retained(scene.tenant, 'greeter', ['asia'])).toEqual([]);
      expect(await scene.weights('n0')).toEqual({ [v1]: 0, [v2]: 100 });
      await scene.append(await scene.batch('d2', [{ kind: 'retireReplaced', nodes: all(2) }], { status: 'Completed' }));
      expect(await scene.weights('n0')).toEqual({ [v2]: 100 });
      expect(await scene.fleet.retained(scene.tenant, 'greeter', null)).toEqual([]);
    });

    it('refuses to freeze while a rollback out of retention is moving the module', async () => {
      const scene = new Scene(database);
      const v1 = await scene.release('1.0.0');
      const targets = await scene.join(1);
      await scene.serve('d1', v1, targets);
      await scene.append(
        await scene.batch('d2', [{ kind: 'open', spec: scene.spec('d2', v1) }], { status: 'Pending' }),
      );
      await scene.append(await scene.batch('d1', [], { status: 'RollingBack' }));
      await expect(scene.change('d2', { kind: 'freeze', targets, baseline: [], epoch: 5 })).rejects.toMatchObject({
        code: 'HS_DEPLOYMENT_ACTIVE',
      });
    });

    it('a release that the route names can be deployed again on its own nodes', async () => {
      const scene = new Scene(database);
      const v1 = await scene.release('1.0.0');
      const targets = await scene.join(2);
      await scene.serve('d1', v1, targets);
      await scene.deploy('d2', v1, targets);
      await scene.change('d2', { kind: 'assign', nodes: all(2), releaseId: v1 });
      expect(await scene.fleet.loadProgress(scene.id('d2'), all(2), v1)).toMatchObject({ done: 2 });
      await scene.change('d2', {
        kind: 'route',
        releaseId: v1,
        to: [[0, 1]],
        among: all(2),
        weights: { candidate: 100, baselineOnStage: 0, baselineElsewhere: 100 },
      });
      expect([await scene.weights('n0'), await scene.weights('n1')]).toEqual([{ [v1]: 100 }, { [v1]: 100 }]);
      await scene.change('d2', { kind: 'restore', nodes: all(2) });
      expect(await scene.weights('n0')).toEqual({ [v1]: 100 });
    });

    it('notify is in the outbox until it is delivered', async () => {
      const scene = new Scene(database);
      const v1 = await scene.release('1.0.0');
      await scene.append(
        await scene.batch('d', [
          { kind: 'open', spec: scene.spec('d', v1) },
          { kind: 'notify', text: 'hello', severity: 'critical', facts: { a: 1 } },
        ]),
      );
      const outbox = new OutboxRepository(database);
      const mine = async (): Promise<readonly unknown[]> =>
        (await outbox.claim(1_000, 0)).filter((message) => message.tenant === scene.tenant);
      const [message] = (await mine()) as [{ messageId: number }];
      expect(message).toMatchObject({
        deploymentId: scene.id('d'),
        text: 'hello',
        severity: 'critical',
        facts: { a: 1 },
        attempts: 1,
      });
      expect(await mine()).toHaveLength(1);
      await outbox.markDelivered([message.messageId]);
      expect(await mine()).toEqual([]);
    });
  });

  describe('HeartbeatRepository', () => {
    it('counts metrics once for each (boot, sequence) and sums them over nodes', async () => {
      const scene = new Scene(database);
      const [v1, v2] = [await scene.release('1.0.0'), await scene.release('2.0.0')];
      const targets = await scene.join(2);
      await scene.serve('d1', v1, targets);
      await scene.deploy('d2', v2, targets);
      const delta: ReleaseCallDelta = {
        moduleName: 'greeter',
        releaseId: v1,
        calls: 4,
        errors: 2,
        crashes: 1,
        latencySumMs: 20,
        latencySumSquaresMs2: 120,
        latencyBuckets: { '88': 3, '90': 1 },
        peakMemoryBytes: 500,
        memoryRefusals: 1,
      };
      const since = Date.now() - 60_000;
      await scene.report('n0', 1, [], { metrics: [delta], sequence: 50 });
      expect(await scene.report('n0', 1, [], { metrics: [delta], sequence: 50 })).toMatchObject({
        kind: 'repeated',
        changed: false,
      });
      await scene.report('n0', 1, [], { metrics: [{ ...delta, peakMemoryBytes: 900 }], sequence: 51 });
      await scene.report('n1', 1, [], { metrics: [{ ...delta, releaseId: v2 }], sequence: 50 });
      const source = new PostgresMetricsSource(database);
      const about = { tenant: scene.tenant, deploymentId: scene.id('d2'), moduleName: 'greeter', nodes: all(2), since };
      const baseline = await source.read({ ...about, variant: 'baseline' });
      expect(baseline).toMatchObject({
        samples: 8,
        errorRatePercent: 50,
        crashRatePercent: 25,
        peakMemoryBytes: 900,
        memoryRefusals: 2,
      });
      expect(baseline.latency).toMatchObject({ averageMs: 5, varianceMs2: (240 - 8 * 25) / 7 });
      expect(baseline.latency?.p99Ms).toBeGreaterThan(baseline.latency?.p50Ms ?? 0);
      expect(await source.read({ ...about, variant: v2 })).toMatchObject({ samples: 4 });
      expect(await source.read({ ...about, variant: v2, nodes: [[0, 1]] })).toEqual(noMetrics);
      expect(await source.read({ ...about, variant: v2, since: Date.now() + 60_000 })).toMatchObject({ samples: 0 });
    });

    it('lets a new boot take the session over and refuses the old one from then on', async () => {
      const scene = new Scene(database);
      await scene.join(1);
      expect(await scene.report('n0', 0, [], { bootId: 'boot-2', sequence: 1 })).toMatchObject({ kind: 'accepted' });
      expect(await scene.report('n0', 0, [], { bootId: 'boot-1', sequence: 99 })).toMatchObject({ kind: 'superseded' });
      expect(await scene.report('n0', 0, [], { bootId: 'boot-2', sequence: 2 })).toMatchObject({ kind: 'accepted' });
      expect(await scene.report('nobody', 0, [])).toMatchObject({ kind: 'unknown' });
    });

    it('names the deployments that touch the node, and says whether anything changed', async () => {
      const scene = new Scene(database);
      const v1 = await scene.release('1.0.0');
      await scene.join(2);
      expect(await scene.report('n0', 0, [])).toMatchObject({
        changed: false,
        deployments: [],
        heartbeatIntervalMs: 30_000,
      });
      await scene.deploy('d', v1, ['n0']);
      await scene.change('d', { kind: 'assign', nodes: all(1), releaseId: v1 });
      expect(await scene.report('n0', 0, [{ releaseId: v1, state: 'loading' }])).toMatchObject({
        changed: true,
        generation: 1,
        deployments: [scene.id('d')],
        heartbeatIntervalMs: 1_000,
      });
      expect(await scene.report('n0', 0, [{ releaseId: v1, state: 'loading' }])).toMatchObject({ changed: false });
      expect(await scene.report('n0', 1, [{ releaseId: v1, state: 'ready' }])).toMatchObject({ changed: true });
      expect(await scene.report('n0', 1, [])).toMatchObject({ changed: true });
      expect(await scene.report('n1', 0, [])).toMatchObject({ deployments: [] });
    });

    it('raises the generation above a node that is ahead, and does not take its report for an answer', async () => {
      const scene = new Scene(database);
      const v1 = await scene.release('1.0.0');
      await scene.join(1);
      await scene.deploy('d', v1, ['n0']);
      await scene.change('d', { kind: 'assign', nodes: all(1), releaseId: v1 });
      expect(await scene.report('n0', 500, [{ releaseId: v1, state: 'ready' }])).toMatchObject({
        generation: 501,
        raisedFloor: true,
      });
      expect(await scene.fleet.loadProgress(scene.id('d'), all(1), v1)).toMatchObject({ done: 0, pending: 1 });
      expect(await scene.report('n0', 501, [{ releaseId: v1, state: 'ready' }])).toMatchObject({
        generation: 501,
        raisedFloor: false,
      });
      expect(await scene.fleet.loadProgress(scene.id('d'), all(1), v1)).toMatchObject({ done: 1 });
    });
  });

  describe('a database that was restored from an older copy', () => {
    it('takes over the epochs that nodes have applied, and gives every node of the module its state anew', async () => {
      const scene = new Scene(database);
      const v1 = await scene.release('1.0.0');
      const targets = await scene.join(3);
      await scene.serve('d', v1, targets);
      const generations = (): Promise<readonly number[]> => scene.generations(['n0', 'n1', 'n2']);
      const before = await generations();
      const fenced = await scene.report('n0', before[0] ?? 0, [{ releaseId: v1, state: 'failed' }], {
        epochs: { greeter: 40, unknown: 3 },
      });
      expect(fenced).toMatchObject({ raisedFloor: true, changed: true, generation: (before[0] ?? 0) + 1 });
      expect(await generations()).toEqual(before.map((generation) => generation + 1));
      const desired = await scene.desired.read(scene.tenant, ['n0', 'n1']);
      expect([...desired.values()].map(({ modules }) => modules[0]?.epoch)).toEqual([40, 40]);
      // The same again, or an older one, changes nothing.
      for (const epoch of [40, 12])
        expect(await scene.report('n1', before[1] ?? 0, [], { epochs: { greeter: epoch } })).toMatchObject({
          raisedFloor: false,
        });
      expect(await generations()).toEqual(before.map((generation) => generation + 1));
    });
  });

  describe('DeploymentRepository and RouteRepository', () => {
    it('show deployments with their nodes, and the live route', async () => {
      const scene = new Scene(database);
      const [v1, v2] = [await scene.release('1.0.0'), await scene.release('2.0.0')];
      const targets = await scene.join(2);
      await scene.serve('d1', v1, targets);
      await scene.deploy('d2', v2, targets);
      await scene.change('d2', { kind: 'assign', nodes: [[0, 1]], releaseId: v2 });
      await scene.report('n0', await scene.generation('n0'), [
        { releaseId: v2, state: 'failed', error: { code: 'HS_X', message: 'no' } },
      ]);
      const deployments = new DeploymentRepository(database);
      expect(await deployments.find(scene.tenant, scene.id('d2'))).toMatchObject({
        previousModuleId: 'greeter-v1.0.0',
        targetCount: 2,
        stuck: false,
        summary: { status: 'InProgress' },
      });
      expect(await deployments.find('other', scene.id('d2'))).toBeNull();
      expect(await deployments.nodes(scene.tenant, scene.id('d2'))).toMatchObject([
        {
          nodeId: 'n0',
          region: 'us-east',
          outcome: 'failed',
          state: 'failed',
          weight: 0,
          error: { code: 'HS_X', message: 'no' },
          baseline: [{ releaseId: v1, weight: 100 }],
        },
        { nodeId: 'n1', outcome: 'pending', state: 'absent', error: null },
      ]);
      const first = await deployments.list(scene.tenant, { limit: 1 });
      expect(first.items.map(({ spec }) => spec.deploymentId)).toEqual([scene.id('d2')]);
      const second = await deployments.list(scene.tenant, { limit: 1, cursor: first.nextCursor ?? '' });
      expect(second).toMatchObject({ items: [{ spec: { deploymentId: scene.id('d1') } }], nextCursor: null });
      expect((await deployments.list(scene.tenant, { statuses: ['Completed'] })).items).toHaveLength(1);
      await expect(deployments.list(scene.tenant, { cursor: 'nonsense' })).rejects.toMatchObject({
        code: 'HS_STORE_INVALID_CURSOR',
      });
      const summary = { running: { step: 1, kind: 'wait', since: 1 }, stuckAt: 2 };
      await scene.append(await scene.batch('d2', [], summary));
      expect((await deployments.list(scene.tenant, { stuck: true })).items).toHaveLength(1);
      const routes = new RouteRepository(database);
      expect(await routes.find(scene.tenant, 'greeter')).toMatchObject({
        epoch: 2,
        targets: [
          {
            nodeId: 'n0',
            releaseId: v1,
            moduleId: 'greeter-v1.0.0',
            version: '1.0.0',
            weight: 100,
            dataPlaneUrl: 'http://127.0.0.1:10000',
          },
          { nodeId: 'n1' },
        ],
      });
      expect(await routes.find(scene.tenant, 'nothing')).toBeNull();
      expect((await routes.all()).filter((route) => route.tenant === scene.tenant)).toHaveLength(1);
      expect((await routes.list(scene.tenant)).items).toHaveLength(1);
    });

    it('servedRevision is the oldest that any live gateway serves', async () => {
      const scene = new Scene(database);
      const routes = new RouteRepository(database);
      await database.execute('delete from gateways');
      expect(await routes.servedRevision(scene.tenant, 'greeter')).toBeNull();
      await routes.acknowledge(scene.id('g1'), [{ tenant: scene.tenant, moduleName: 'greeter', revision: 5 }]);
      await routes.acknowledge(scene.id('g2'), []);
      expect(await routes.servedRevision(scene.tenant, 'greeter')).toBe(0);
      await routes.acknowledge(scene.id('g2'), [{ tenant: scene.tenant, moduleName: 'greeter', revision: 4 }]);
      await routes.acknowledge(scene.id('g2'), [{ tenant: scene.tenant, moduleName: 'greeter', revision: 3 }]);
      expect(await routes.servedRevision(scene.tenant, 'greeter')).toBe(4);
      await routes.leave(scene.id('g2'));
      expect(await routes.servedRevision(scene.tenant, 'greeter')).toBe(5);
    });
  });
});
