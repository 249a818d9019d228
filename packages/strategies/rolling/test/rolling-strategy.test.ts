import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { autoRollbackSchema, noMetrics, nodeCount, resolveHealthCheck, unionNodes, type NodeSet } from '@hotswap/core';
import { rolling, rollingConfigSchema } from '@hotswap/strategy-rolling';
import { journalOutline, Simulation, simulateRollout, stepThrough } from '@hotswap/testing';
import { rollingBatches, succeededPercent } from '../src/rolling-plan.ts';

const minute = 60_000;
const failure = { cause: 'health', message: 'Health checks failed' } as const;
const batch = (from: number, to: number): readonly object[] => {
  const nodes = [[from, to]];
  return [
    { kind: 'deploy', version: 1, input: { nodes } },
    { kind: 'verify', version: 1, input: { nodes, timeoutMs: 10_000 } },
    { kind: 'shiftTraffic', version: 1, input: { percent: 100, to: nodes, among: nodes } },
  ];
};
const progress = (percent: number): object => ({ kind: 'progress', version: 1, input: { percent } });
const delay = (forMs: number, to: number): object => ({
  kind: 'wait',
  version: 1,
  input: { forMs, reason: 'between batches', watch: [[0, to]] },
});

describe('rolling', () => {
  it('replaces batch after batch, with a delay between but not after the last (STR-5)', () => {
    const { effects, outcome } = stepThrough(rolling(), { nodes: 5, config: { batchSize: 2, batchDelay: 'PT30S' } });
    expect(effects).toEqual([
      ...batch(0, 2),
      progress(40),
      delay(30_000, 2),
      ...batch(2, 4),
      progress(80),
      delay(30_000, 4),
      ...batch(4, 5),
      progress(100),
    ]);
    expect(outcome).toEqual({ status: 'Completed' });
  });

  it('tells people and asks them when a batch fails, and tries again on retry', () => {
    let failures = 1;
    const { effects, outcome } = stepThrough(rolling(), {
      nodes: 1,
      answer: ({ kind }) => (kind === 'verify' && failures-- > 0 ? { ok: false, failure } : undefined),
    });
    expect(effects.map(({ kind }) => kind)).toEqual([
      'deploy',
      'verify',
      'notify',
      'pause',
      'deploy',
      'verify',
      'shiftTraffic',
      'progress',
    ]);
    expect(outcome).toEqual({ status: 'Completed' });
  });

  it('puts the batch back and goes on when a person resumes, and ends in part', () => {
    const { effects, outcome } = stepThrough(rolling(), {
      nodes: 4,
      config: { batchSize: 2 },
      answer: (effect, step) =>
        effect.kind === 'pause'
          ? { ok: true, value: { command: 'resume' } }
          : effect.kind === 'verify' && step < 3
            ? { ok: false, failure }
            : undefined,
    });
    expect(effects.map(({ kind }) => kind)).toEqual([
      'deploy',
      'verify',
      'notify',
      'pause',
      'restore',
      'progress',
      'wait',
      'deploy',
      'verify',
      'shiftTraffic',
      'progress',
    ]);
    expect(outcome).toEqual({
      status: 'PartiallyCompleted',
      message: '2 of 4 nodes kept the former version',
      failed: [[0, 2]],
    });
  });

  it('ends as RolledBack when every batch was left out', () => {
    const { outcome } = stepThrough(rolling(), {
      nodes: 2,
      answer: ({ kind }) =>
        kind === 'pause'
          ? { ok: true, value: { command: 'resume' } }
          : kind === 'verify'
            ? { ok: false, failure }
            : undefined,
    });
    expect(outcome).toMatchObject({ status: 'RolledBack', failed: [[0, 2]] });
  });

  it('fails instead of asking with pauseOnFailure false (D-9), and whenever a trigger fired', () => {
    const unasked = stepThrough(rolling(), {
      config: { pauseOnFailure: false },
      answer: ({ kind }) => (kind === 'verify' ? { ok: false, failure } : undefined),
    });
    expect([unasked.effects.map(({ kind }) => kind), unasked.thrown]).toEqual([
      ['deploy', 'verify', 'fail'],
      expect.objectContaining({ failure }),
    ]);
    const triggered = { cause: 'trigger', message: 'error_rate is 12 %' } as const;
    const fired = stepThrough(rolling(), {
      answer: ({ kind }) => (kind === 'shiftTraffic' ? { ok: false, failure: triggered } : undefined),
    });
    expect(fired.effects.map(({ kind }) => kind)).toEqual(['deploy', 'verify', 'shiftTraffic', 'fail']);
  });

  it('never has more nodes without their former version in traffic than one batch', async () => {
    let fewest = 20;
    const simulation: Simulation = new Simulation({
      strategies: [rolling()],
      failpoint: (name) => {
        if (name !== 'engine.append.after') return;
        const serving = [...simulation.database.nodes.values()].filter((node) =>
          [...(node.modules.get('greeter') ?? [])].some(
            ([id, { weight }]) => weight > 0 && simulation.fleet.loaded(node.nodeId).includes(id),
          ),
        );
        fewest = Math.min(fewest, serving.length);
      },
    });
    await simulation.deploy({ config: { batchSize: 3 } });
    await simulation.finish();
    expect([(await simulation.state()).summary.status, fewest]).toEqual(['Completed', 20]);
  });

  it('stops at the failing batch: paused, told, the rest untouched', async () => {
    const simulation = new Simulation({
      strategies: [rolling()],
      script: { healthy: (node, id) => !(id === 'v2' && node.nodeId === 'us-east-5') },
    });
    await simulation.deploy({ config: { batchSize: 5 } });
    await simulation.time.advance(minute);
    const { summary, accepts } = await simulation.state();
    expect([summary.status, summary.progressPercent, summary.reason, accepts]).toEqual([
      'Paused',
      25,
      'Health checks failed',
      ['retry', 'resume'],
    ]);
    expect(simulation.database.outbox.map(({ text }) => text)).toContain('Rollout paused: Health checks failed');
    expect(simulation.sharePercent('v2')).toBe(25);
    await simulation.command('abort');
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Cancelled');
  });

  describe('when a node that was replaced turns sick between batches', () => {
    const start = Date.UTC(2026, 0, 1);
    const sickUntil = (untilMs: number) => ({
      recheckMs: 1_000,
      healthy: (node: { readonly nodeId: string }, id: string, now: number) =>
        !(id === 'v2' && node.nodeId === 'eu-central-1' && now > start + minute && now < start + untilMs),
    });
    const begun = async (untilMs: number, config: object = {}): Promise<Simulation> => {
      const simulation = new Simulation({ strategies: [rolling()], script: sickUntil(untilMs) });
      await simulation.deploy({ config: { batchSize: 5, batchDelay: 'PT5M', ...config } });
      await simulation.time.advance(2 * minute);
      return simulation;
    };

    it('stops for a person, and tries again on retry (STR-5)', async () => {
      const simulation = await begun(3 * minute);
      const { summary, accepts } = await simulation.state();
      expect([summary.status, summary.reason, accepts]).toEqual([
        'Paused',
        'Health checks failed',
        ['retry', 'resume'],
      ]);
      expect(simulation.database.outbox.map(({ text }) => text)).toContain('Rollout paused: Health checks failed');
      expect(simulation.sharePercent('v2')).toBe(25);
      await simulation.time.advance(5 * minute);
      await simulation.command('retry');
      await simulation.finish();
      expect((await simulation.state()).summary.status).toBe('Completed');
    });

    it('puts it back on resume, and goes on with the others', async () => {
      const simulation = await begun(Infinity);
      await simulation.command('resume');
      await simulation.finish();
      expect((await simulation.state()).summary).toMatchObject({
        status: 'PartiallyCompleted',
        reason: '1 of 20 nodes kept the former version',
        progressPercent: 95,
      });
      expect(simulation.sharePercent('v2')).toBe(95);
    });

    it('rolls everything back with pauseOnFailure false', async () => {
      const simulation = await begun(Infinity, { pauseOnFailure: false });
      expect((await simulation.state()).summary).toMatchObject({
        status: 'RolledBack',
        reason: 'Health checks failed',
      });
    });
  });

  it('rolls everything back with pauseOnFailure false', async () => {
    const simulation = await simulateRollout({
      strategies: [rolling()],
      config: { batchSize: 5, pauseOnFailure: false },
      script: { loads: (node, id) => !(id === 'v2' && node.nodeId === 'us-west-5') },
    });
    expect((await simulation.state()).summary.status).toBe('RolledBack');
    expect(simulation.sharePercent('v2')).toBe(0);
    expect(journalOutline(simulation.journal()).at(-1)).toBe('closed: RolledBack');
  });
});

describe('rolling without a delay, past a gate of another source', () => {
  const autoRollback = autoRollbackSchema.parse({
    triggers: [{ metric: 'custom:failures', source: 'elsewhere', query: 'failures', threshold: 5 }],
  });
  /** A source that knows something about a batch once its traffic has been there for a while. */
  const rollOut = async (knowsAfterMs: number, failures: (since: number) => number, settleMs?: number) => {
    const startsAt = Date.UTC(2026, 0, 1);
    const simulation: Simulation = new Simulation({
      strategies: [rolling()],
      startsAt,
      metricsSources: {
        elsewhere: {
          ...(settleMs === undefined ? {} : { settleMs }),
          read: async ({ since }) =>
            simulation.time.now() - since < knowsAfterMs
              ? noMetrics
              : { ...noMetrics, custom: { 0: { count: 1, mean: failures(since - startsAt), varianceOfMean: null } } },
        },
      },
    });
    await simulation.deploy({ config: { batchSize: 5 }, spec: { autoRollback } });
    return simulation;
  };

  it('waits until the gate has data of the batch, and goes on', async () => {
    const simulation = await rollOut(20_000, () => 0);
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
    const waits = simulation.journal().filter((entry) => entry.type === 'began' && entry.effect.kind === 'wait');
    const ends = waits.map(({ seq }) => simulation.journal()[seq + 1]);
    const seconds = ends.map((end, n) => ((end?.at ?? 0) - (waits[n]?.at ?? 0)) / 1_000);
    expect(seconds.map((took) => took >= 20 && took <= 26)).toEqual([true, true, true]);
    expect(ends[0]).toMatchObject({ type: 'ended', facts: { triggers: [{ state: 'quiet', observed: 0 }] } });
  });

  it('goes on at once where the gate answers at once', async () => {
    const simulation = await rollOut(0, () => 0);
    await simulation.time.advance(10_000);
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('takes everything back when the gate fires in that time', async () => {
    const simulation = await rollOut(20_000, (since) => (since > 10_000 ? 9 : 0));
    await simulation.time.advance(2 * minute);
    expect((await simulation.state()).summary).toMatchObject({
      status: 'RolledBack',
      reason: 'custom:failures is 9, above the threshold of 5',
    });
  });

  it.each([
    ['after a minute', undefined, minute],
    ['after the time that the source asks for', 3 * minute, 3 * minute],
  ])('pauses for want of data %s, and not before', async (_, settleMs, pausesAfterMs) => {
    const simulation = await rollOut(Infinity, () => 0, settleMs);
    await simulation.time.advance(pausesAfterMs - 2_000);
    expect((await simulation.state()).summary.status).toBe('InProgress');
    await simulation.time.advance(4_000);
    const { summary, held } = await simulation.state();
    expect([summary.status, held?.why, summary.progressPercent]).toEqual(['Paused', 'noData', 25]);
    await simulation.command('resume');
    await simulation.time.advance(5_000);
    expect((await simulation.state()).summary).toMatchObject({ status: 'InProgress', progressPercent: 50 });
  });

  it('watches the health of what it has replaced meanwhile', async () => {
    const simulation = new Simulation({
      strategies: [rolling()],
      script: { recheckMs: 5_000, healthy: (_, id, now) => id !== 'v2' || now % (60 * minute) < 30_000 },
      metricsSources: { elsewhere: { read: async () => noMetrics } },
    });
    await simulation.deploy({ config: { batchSize: 5 }, spec: { autoRollback } });
    await simulation.time.advance(45_000);
    expect((await simulation.state()).summary).toMatchObject({ status: 'Paused', reason: 'Health checks failed' });
  });
});

describe('the batches of a rolling update', () => {
  it('take each node once, in order, the last batch what is left', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 50 }), (total, size) => {
        const batches = rollingBatches([[0, total]], size);
        expect(batches.reduce<NodeSet>((all, { nodes }) => unionNodes(all, nodes), [])).toEqual([[0, total]]);
        expect(batches.reduce((sum, { nodes }) => sum + nodeCount(nodes), 0)).toBe(total);
        expect(batches.slice(0, -1).every(({ nodes, last }) => nodeCount(nodes) === size && !last)).toBe(true);
        expect(batches.at(-1)).toMatchObject({ last: true, upTo: [[0, total]] });
      }),
    );
    expect(rollingBatches([], 3)).toEqual([]);
    expect([succeededPercent(2, 3), succeededPercent(0, 0)]).toEqual([66, 100]);
  });
});

describe('the configuration of a rolling update', () => {
  it('has a default for everything and keeps every key of text 002', () => {
    expect(rollingConfigSchema.parse({})).toEqual({
      batchSize: 1,
      batchDelay: 'PT0S',
      healthCheckTimeout: 'PT10S',
      pauseOnFailure: true,
    });
    const written = { batchSize: 2, batchDelay: 'PT30S', healthCheckTimeout: 'PT10S', pauseOnFailure: false };
    expect(rollingConfigSchema.parse(written)).toEqual(written);
  });

  it('lays its health check keys over those of the deployment', () => {
    const keys = rolling().healthCheck?.(rollingConfigSchema.parse({ functionName: 'ping', successThreshold: 3 }));
    expect(resolveHealthCheck({ functionName: 'module', failureThreshold: 9 }, keys)).toMatchObject({
      functionName: 'ping',
      successThreshold: 3,
      failureThreshold: 9,
    });
  });

  it('refuses two different names of the function', () => {
    expect(rollingConfigSchema.safeParse({ functionName: 'a', healthCheckFunction: 'b' }).success).toBe(false);
  });
});
