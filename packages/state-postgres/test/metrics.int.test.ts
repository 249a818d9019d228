import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReleaseCallDelta, VariantMetrics } from '@hotswap/core';
import { PostgresMetricsSource, type Database } from '../src/index.ts';
import { backends } from './open-test-database.ts';
import { Scene } from './scene.ts';

const all = (count: number): readonly (readonly [number, number])[] => [[0, count]];
const second = 1_000;
const minute = 60 * second;

describe.each(backends)('on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await open());
  });
  afterAll(() => close());

  /** A deployment of `v2` over two nodes that serve `v1`, with a window that begins at `since`. */
  async function begin() {
    const scene = new Scene(database);
    const [v1, v2] = [await scene.release('1.0.0'), await scene.release('2.0.0')];
    const targets = await scene.join(2);
    await scene.serve('d1', v1, targets);
    await scene.deploy('d2', v2, targets);
    const source = new PostgresMetricsSource(database);
    const [clock] = await database.query<{ now: Date }>(`select date_trunc('minute', clock_timestamp()) as now`);
    const now = new Date(clock?.now ?? 0).getTime();
    const about = { tenant: scene.tenant, deploymentId: scene.id('d2'), moduleName: 'greeter', nodes: all(2) };
    const read = (since: number, variant = v2): Promise<VariantMetrics> => source.read({ ...about, variant, since });
    return { scene, source, v1, v2, now, read };
  }

  const delta = (releaseId: string, more: Partial<ReleaseCallDelta> = {}): ReleaseCallDelta => ({
    ...{
      moduleName: 'greeter',
      releaseId,
      calls: 10,
      errors: 0,
      crashes: 0,
      latencySumMs: 50,
      latencySumSquaresMs2: 300,
    },
    ...{ latencyBuckets: { '88': 10 }, peakMemoryBytes: 0, memoryRefusals: 0 },
    ...more,
  });

  /** One bucket a second on n0, with as many calls as the second's number says. */
  async function fill(scene: Scene, releaseId: string, from: number, seconds: number): Promise<void> {
    await database.execute(
      `insert into call_metrics (tenant, module_name, release_id, node_id, bucket_at, calls, errors, crashes, latency_sum_ms,
         latency_sum_squares_ms2, latency_buckets, peak_memory_bytes, memory_refusals, cpu_ms, fuel_used, counters, gauge_sums, gauge_counts)
       select $1, 'greeter', $2, 'n0', $3::timestamptz + n * interval '1 second', 10 + n % 7, n % 2, 0, 20, 100,
         jsonb_build_object('80', 9, '90', 1 + n % 7), 1000 + n, 0, 30 + n % 5, 1000, jsonb_build_object('orders', n % 3),
         jsonb_build_object('load', 0.5), jsonb_build_object('load', 1)
       from generate_series(0, $4::int - 1) as n`,
      [scene.tenant, releaseId, new Date(from), seconds],
    );
  }

  const rows = async (scene: Scene): Promise<number> => {
    const [counted] = await database.query<{ count: number }>(
      'select count(*)::int as count from call_metrics where tenant = $1',
      [scene.tenant],
    );
    return counted?.count ?? 0;
  };

  describe('what a release has used', () => {
    it('comes per call from the reports of its nodes, with the spread between them', async () => {
      const { scene, v2, now, read } = await begin();
      await fill(scene, v2, now - 100 * second, 90);
      const metrics = await read(now - 200 * second);
      const calls = Array.from({ length: 90 }, (_, n) => 10 + (n % 7));
      const cpu = Array.from({ length: 90 }, (_, n) => 30 + (n % 5));
      const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
      const ratio = sum(cpu) / sum(calls);
      const residuals = sum(cpu.map((value, n) => (value - ratio * (calls[n] ?? 0)) ** 2));
      expect(metrics.samples).toBe(sum(calls));
      expect(metrics.cpuMsPerCall).toBeCloseTo(ratio, 9);
      expect(metrics.cpuVarianceOfMean).toBeCloseTo(((residuals / sum(calls) ** 2) * 90) / 89, 12);
      expect(metrics.fuelPerCall).toBeCloseTo(90_000 / sum(calls), 9);
      expect(metrics.custom['orders']).toMatchObject({ count: 90, mean: 90 / sum(calls) });
      expect(metrics.custom['orders']?.varianceOfMean).toBeGreaterThan(0);
      expect(metrics.custom['load']).toEqual({ count: 90, mean: 0.5, varianceOfMean: null });
      expect(metrics.latency?.buckets).toMatchObject({ '80': 810 });
    });

    it('is not known where nobody meters it, and has no spread from a few reports', async () => {
      const { scene, v1, v2, now, read } = await begin();
      await scene.report('n0', 1, [], { metrics: [delta(v1)] });
      await fill(scene, v2, now - 20 * second, 10);
      expect(await read(now - minute, 'baseline')).toMatchObject({
        samples: 10,
        cpuMsPerCall: null,
        fuelPerCall: null,
        custom: {},
      });
      expect((await read(now - minute)).custom['orders']).toMatchObject({ count: 10, varianceOfMean: null });
    });

    it('arrives with heartbeats, and adds up within a second', async () => {
      const { scene, v2, now, read } = await begin();
      const used = { cpuMs: 4, fuelUsed: 100, counters: { orders: 2, 'refunds{kind="x"}': 1 }, gauges: { load: 0.4 } };
      for (let report = 0; report < 3; report++)
        await scene.report('n0', 1, [], { metrics: [delta(v2, { ...used, gauges: { load: 0.4 + report / 10 } })] });
      await scene.report('n1', 1, [], {
        metrics: [delta(v2, { calls: 0, latencyBuckets: {}, counters: { orders: 3 } })],
      });
      const metrics = await read(now - minute);
      expect(metrics).toMatchObject({ samples: 30, cpuMsPerCall: 0.4, fuelPerCall: 10 });
      expect(metrics.custom['orders']?.mean).toBeCloseTo(9 / 30, 9);
      expect(metrics.custom['refunds{kind="x"}']?.mean).toBeCloseTo(3 / 30, 9);
      expect(metrics.custom['load']).toMatchObject({ count: 3, varianceOfMean: null });
      expect(metrics.custom['load']?.mean).toBeCloseTo(0.5, 9);
    });
  });

  describe('numbers out of all proportion', () => {
    it('of a guest or a node are cut, and keep neither the node nor anybody else from being heard and summed up', async () => {
      const { scene, source, v1, v2, now, read } = await begin();
      const endless = {
        ...{ latencySumMs: Number.MAX_VALUE, latencySumSquaresMs2: Number.MAX_VALUE, calls: Number.MAX_SAFE_INTEGER },
        ...{ cpuMs: Number.MAX_VALUE, fuelUsed: Number.MAX_VALUE, memoryRefusals: Number.MAX_SAFE_INTEGER },
        counters: { orders: Number.MAX_VALUE },
        gauges: { load: Number.MAX_VALUE, depth: -Number.MAX_VALUE },
        latencyBuckets: { '88': Number.MAX_SAFE_INTEGER },
      };
      for (let report = 0; report < 3; report++) {
        await scene.report('n0', 1, [], { metrics: [delta(v2, endless)] });
        await scene.report('n1', 1, [], { metrics: [delta(v1)] });
      }
      expect((await read(now - minute, 'baseline')).samples).toBe(30);
      const metrics = await read(now - minute);
      expect(metrics.samples).toBeGreaterThan(1e12);
      expect(metrics.custom['load']?.mean).toBeGreaterThan(1e99);
      expect(metrics.custom['depth']?.mean).toBeLessThan(-1e99);
      expect(metrics.latency?.p99Ms).toBeLessThan(Infinity);
      expect((await source.ofNode(scene.tenant, 'n0', minute)).map(({ releaseId }) => releaseId)).toEqual([v2]);
      // An hour of them, joined twice as time goes by.
      await database.execute(`update call_metrics set bucket_at = bucket_at - interval '3 hours' where tenant = $1`, [
        scene.tenant,
      ]);
      await database.execute(
        `insert into call_metrics select c.tenant, c.module_name, c.release_id, c.node_id, c.bucket_at + n * interval '1 second', c.calls, c.errors, c.crashes,
           c.latency_sum_ms, c.latency_sum_squares_ms2, c.latency_buckets, c.peak_memory_bytes, c.memory_refusals, c.cpu_ms, c.fuel_used, c.counters,
           c.gauge_sums, c.gauge_counts, c.span_seconds
         from call_metrics c, generate_series(10, 3600) n where c.tenant = $1 and c.release_id = $2`,
        [scene.tenant, v2],
      );
      await source.rollUp(2 * minute, 60);
      await source.rollUp(2 * minute, 3_600);
      expect((await read(now - 24 * 60 * minute)).samples).toBeGreaterThan(1e15);
    });
  });

  describe('joining buckets', () => {
    it('leaves every sum as it was, and far fewer rows', async () => {
      const { scene, source, v1, v2, now, read } = await begin();
      const from = now - 20 * minute;
      await fill(scene, v2, from, 600);
      await fill(scene, v1, from, 600);
      const before = [await read(from), await read(from, 'baseline')];
      await source.rollUp(2 * minute, 60);
      expect(await rows(scene)).toBe(20);
      const after = [await read(from), await read(from, 'baseline')];
      for (const [n, metrics] of after.entries()) {
        const { cpuMsPerCall, latency, samples, errorRatePercent, peakMemoryBytes, custom } = before[
          n
        ] as VariantMetrics;
        expect(metrics).toMatchObject({ samples, errorRatePercent, peakMemoryBytes });
        expect(metrics.cpuMsPerCall).toBeCloseTo(cpuMsPerCall ?? 0, 9);
        expect(metrics.latency?.buckets).toEqual(latency?.buckets);
        expect(metrics.latency?.p95Ms).toBe(latency?.p95Ms);
        expect(metrics.custom['orders']?.mean).toBeCloseTo(custom['orders']?.mean ?? 0, 9);
        expect(metrics.custom['load']?.mean).toBeCloseTo(0.5, 9);
      }
      await source.rollUp(2 * minute, 60);
      expect(await rows(scene)).toBe(20);
      await source.rollUp(5 * minute, 3_600);
      expect((await read(from)).samples).toBe(before[0]?.samples);
    });

    it('keeps what is young as it is', async () => {
      const { scene, source, v2, now } = await begin();
      await fill(scene, v2, now - 30 * second, 25);
      await source.rollUp(2 * minute, 60);
      expect(await rows(scene)).toBe(25);
    });

    it('joins nothing across the moment at which traffic was shifted', async () => {
      const { scene, source, v2, now, read } = await begin();
      const shiftedAt = now - 10 * minute + 20 * second;
      await fill(scene, v2, now - 10 * minute, 60);
      await database.execute(
        `insert into journal_entries (tenant, deployment_id, seq, type, at, actor, hash, entry)
         values ($1, $2, 99, 'ended', $3, 'test', 'x', '{"type":"ended","step":1,"result":{"ok":true,"value":{"revision":7}}}')`,
        [scene.tenant, scene.id('d2'), new Date(shiftedAt + 300)],
      );
      const before = await read(shiftedAt + 300);
      await source.rollUp(2 * minute, 60);
      expect(await rows(scene)).toBe(2);
      expect(await read(shiftedAt + 300)).toMatchObject({ samples: before.samples, memoryRefusals: 0 });
      expect((await read(shiftedAt - 30 * second)).samples).toBeGreaterThan(before.samples);
    });
  });

  describe('forgetting buckets', () => {
    it('spares those that a running or retained deployment reaches back to', async () => {
      const { scene, source, v2, now } = await begin();
      const [created] = [now - 60 * minute];
      await database.execute('update deployments set created_at = $2 where deployment_id = $1', [
        scene.id('d2'),
        new Date(created),
      ]);
      await fill(scene, v2, created - 30 * second, 60);
      await source.deleteOlderThan(10 * minute);
      expect(await rows(scene)).toBe(30);
      await scene.append(await scene.batch('d2', [], { status: 'Completed', retainedUntil: now + minute }));
      await source.deleteOlderThan(10 * minute);
      expect(await rows(scene)).toBe(30);
      await scene.append(await scene.batch('d2', [], { status: 'Completed' }));
      await source.deleteOlderThan(10 * minute);
      expect(await rows(scene)).toBe(0);
    });
  });
});
