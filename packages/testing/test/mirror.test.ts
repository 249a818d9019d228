import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  bake,
  deploy,
  explainJournal,
  nodeCount,
  progress,
  shiftTraffic,
  sliceNodes,
  type JournalBatch,
  type MirrorTally,
  type Strategy,
  type TrafficMirror,
} from '@hotswap/core';
import { Simulation, sweepCrashes, type SimulationOptions } from '../src/index.ts';

/** Half of the nodes, then all. */
const halves: Strategy<unknown> = {
  name: 'Halves',
  version: 1,
  configSchema: z.unknown().transform(() => ({})),
  *rollout({ targets }) {
    for (const percent of [50, 100]) {
      const nodes = sliceNodes(targets, 0, (nodeCount(targets) * percent) / 100);
      yield* deploy({ nodes });
      yield* shiftTraffic({ percent, to: nodes, among: targets });
      yield* bake({ forMs: 60_000, nodes, failure: 'sick' });
      yield* progress({ percent });
    }
    return { status: 'Completed' };
  },
};
const asked: TrafficMirror = {
  releaseId: 'v2-shadow',
  percent: 20,
  duration: 'PT1M',
  nodes: 2,
  minimumSamples: 100,
  maxDifferentPercent: 1,
  maxFailedPercent: 0,
  compare: {},
  onInconclusive: 'pause',
};
const counted = (tally: Partial<MirrorTally>): MirrorTally => ({
  equal: 0,
  different: 0,
  failed: 0,
  skipped: 0,
  examples: [],
  ...tally,
});

interface Rollout {
  readonly simulation: Simulation;
  readonly batches: JournalBatch[];
  readonly run: (forMs?: number) => Promise<void>;
}

async function begin(
  tally: (step: number) => MirrorTally,
  { mirror = {}, ...options }: Partial<SimulationOptions> & { readonly mirror?: Partial<TrafficMirror> } = {},
): Promise<Rollout> {
  const batches: JournalBatch[] = [];
  const simulation = new Simulation({
    strategies: [halves],
    nodes: { here: 4 },
    onCommit: (some) => batches.push(...some),
    ...options,
  });
  simulation.database.mirrorTally = ({ step }) => tally(step);
  await simulation.create({
    strategy: 'Halves',
    spec: { traffic: { mirror: { ...asked, ...mirror } } },
  });
  await simulation.engine.command('default', 'd', 'execute', 'bob');
  return { simulation, batches, run: (forMs = 3_600_000) => simulation.time.run(simulation.time.now() + forMs) };
}

/** Releases that any node shall hold. */
const held = ({ database }: Simulation): readonly string[] => [
  ...new Set([...database.nodes.values()].flatMap((node) => [...(node.modules.get('greeter')?.keys() ?? [])])),
];
const journal = async ({ simulation }: Rollout) => simulation.store.read('default', 'd');
const nothingLeft = ({ simulation }: Rollout): void => {
  expect(simulation.database.mirrors.size).toBe(0);
  expect(held(simulation)).not.toContain('v2-shadow');
};

describe('a deployment that mirrors requests first', () => {
  it('passes with enough equal answers, then goes on as its strategy does, without mirror and shadow', async () => {
    const rollout = await begin(() => counted({ equal: 199, different: 1, skipped: 3 }));
    await rollout.run(30_000);
    expect(rollout.simulation.database.mirrors.get('d')).toMatchObject({ releaseId: 'v2-shadow', percent: 20 });
    expect(held(rollout.simulation)).toEqual(expect.arrayContaining(['v1', 'v2-shadow']));
    expect(held(rollout.simulation)).not.toContain('v2');
    await rollout.run();
    expect((await rollout.simulation.state('d')).summary.status).toBe('Completed');
    nothingLeft(rollout);
    const ended = (await journal(rollout)).find((entry) => entry.type === 'ended' && entry.step === 1);
    expect(ended).toMatchObject({
      result: { ok: true, value: { verdict: 'Passed', equal: 199, different: 1, failed: 0, skipped: 3 } },
      facts: { samples: 200, minimumSamples: 100, differentPercent: 0.5, maxDifferentPercent: 1, skipped: 3 },
    });
  });

  it('gives the time that it was asked for, from when every router copies', async () => {
    const rollout = await begin(() => counted({ equal: 500 }));
    await rollout.run();
    const entries = await journal(rollout);
    const moved = entries.find((entry) => entry.type === 'moved' && entry.step === 1);
    const ended = entries.find((entry) => entry.type === 'ended' && entry.step === 1);
    expect((ended?.at ?? 0) - (moved?.at ?? 0)).toBe(60_000);
  });

  it('goes back as soon as enough answers differ, and says how many', async () => {
    const rollout = await begin(() =>
      counted({
        equal: 90,
        different: 10,
        examples: [{ call: 'greet', at: '/result', live: 'string', mirrored: 'number' }],
      }),
    );
    await rollout.run();
    const { summary } = await rollout.simulation.state('d');
    expect(summary).toMatchObject({ status: 'RolledBack', reason: '10 % of 100 mirrored answers differ, above 1 %' });
    nothingLeft(rollout);
    const entries = await journal(rollout);
    const ended = entries.find((entry) => entry.type === 'ended' && entry.step === 1);
    expect(ended).toMatchObject({
      result: { ok: false, failure: { cause: 'metrics', facts: { differentPercent: 10 } } },
    });
    expect((ended?.at ?? 0) - (entries[0]?.at ?? 0)).toBeLessThan(60_000);
    expect(explainJournal(entries).join('\n')).toMatch(/copy 20 % of the requests to v2-shadow for 60 s/);
  });

  it('goes back when copies fail', async () => {
    const rollout = await begin(() => counted({ equal: 150, failed: 1 }));
    await rollout.run();
    expect((await rollout.simulation.state('d')).summary.reason).toMatch(/mirrored requests failed, above 0 %/);
  });

  it.each([
    ['nothing was compared', counted({ skipped: 1_000 })],
    ['one answer is missing', counted({ equal: 99 })],
    ['too few answers, all of them different', counted({ different: 99 })],
  ])('is inconclusive, never a success, when %s', async (_, tally) => {
    const rollout = await begin(() => tally);
    await rollout.run();
    const { summary, accepts } = await rollout.simulation.state('d');
    expect(summary.status).toBe('Paused');
    expect(summary.reason).toMatch(/^Mirrored requests are inconclusive/);
    expect(accepts).toEqual(['promote', 'retry']);
    expect(rollout.simulation.database.mirrors.size).toBe(0);
    expect(held(rollout.simulation)).not.toContain('v2');
  });

  it('mirrors once more when a person says retry, and goes on when one says promote', async () => {
    const rollout = await begin((step) => (step < 3 ? counted({}) : counted({ equal: 1 })));
    await rollout.run();
    await rollout.simulation.engine.command('default', 'd', 'retry', 'bob');
    await rollout.run(10_000);
    expect(rollout.simulation.database.mirrors.get('d')).toMatchObject({ step: 3 });
    await rollout.run();
    expect((await rollout.simulation.state('d')).summary.status).toBe('Paused');
    await rollout.simulation.engine.command('default', 'd', 'promote', 'bob');
    await rollout.run();
    expect((await rollout.simulation.state('d')).summary.status).toBe('Completed');
    nothingLeft(rollout);
  });

  it('goes back by itself when that is what an inconclusive mirror asks for', async () => {
    const rollout = await begin(() => counted({}), { mirror: { onInconclusive: 'rollback' } });
    await rollout.run();
    expect((await rollout.simulation.state('d')).summary.status).toBe('RolledBack');
    nothingLeft(rollout);
  });

  it('has nothing to compare with where nothing serves: inconclusive at once', async () => {
    const rollout = await begin(() => counted({ equal: 1_000 }), { serves: () => false });
    await rollout.run(10_000);
    expect((await rollout.simulation.state('d')).summary.reason).toMatch(/0 of at least 100 compared answers/);
  });

  it('is refused where the router does not copy requests', async () => {
    const router = { name: 'proxy', spansNodes: false, servedRevision: async () => null };
    await expect(begin(() => counted({}), { router })).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_CANNOT_MIRROR' });
  });

  it.each(['rollback', 'abort'] as const)('leaves nothing behind when it gets a %s at any second', async (command) => {
    for (let atMs = 0; atMs <= 75_000; atMs += 2_500) {
      const rollout = await begin(() => counted({ equal: 500 }));
      await rollout.run(atMs);
      await rollout.simulation.engine.command('default', 'd', command, 'bob');
      nothingLeft(rollout);
      await rollout.run();
      expect((await rollout.simulation.state('d')).summary.status).toBe(
        command === 'abort' ? 'Cancelled' : 'RolledBack',
      );
      nothingLeft(rollout);
      expect(held(rollout.simulation)).toEqual(['v1']);
    }
  });

  it('comes to the same journal when the server restarts after every commit', async () => {
    const straight = await begin(() => counted({ equal: 500 }));
    await straight.run(8 * 3_600_000);
    const restarted = await begin(() => counted({ equal: 500 }));
    for (let n = 0; n < 400; n++) {
      restarted.simulation.restart();
      await restarted.run(1_000);
    }
    await restarted.run(8 * 3_600_000);
    const told = async (rollout: Rollout) =>
      (await journal(rollout)).map((entry) =>
        entry.type === 'began'
          ? [entry.type, entry.effect]
          : entry.type === 'ended'
            ? [entry.type, entry.result]
            : entry.type,
      );
    expect(await told(restarted)).toEqual(await told(straight));
    nothingLeft(restarted);
  });

  it.each([
    ['passes', { equal: 500 }, 'Completed'],
    ['fails', { different: 500 }, 'RolledBack'],
    ['has no verdict', {}, 'RolledBack'],
  ])('comes to the same journal from every crash point when it %s', async (_, tally, status) => {
    const survived = await sweepCrashes({
      ...{ strategies: [halves], nodes: { here: 4 }, mirrored: () => counted(tally) },
      spec: { traffic: { mirror: { ...asked, onInconclusive: 'rollback' } } },
    });
    expect(survived.length).toBeGreaterThan(10);
    for (const { same, summary, ...point } of survived)
      expect({ point, same, status: summary.status }).toMatchObject({ same: true, status });
  });
});
