import { describe, expect, it } from 'vitest';
import { deploy, progress, verifyJournal, wait, type JournalStore, type Strategy } from '@hotswap/core';
import {
  assertReplays,
  journalEvents,
  journalOutline,
  pausesFrom,
  Simulation,
  simulateRollout,
  sweepCrashes,
  type SimulatedDeployment,
  type SimulationOptions,
} from '@hotswap/testing';
import { staged, strategyOf, testStrategies } from './test-strategies.ts';

const minute = 60_000;
type Shape = Omit<SimulationOptions, 'strategies'> & SimulatedDeployment;

/** One healthy rollout of each shape. */
const shapes: readonly (readonly [string, Shape])[] = [
  ['Staged', { strategy: 'Staged' }],
  ['Batched', { strategy: 'Batched' }],
  ['TwoSets', { strategy: 'TwoSets', serves: (_, position) => position < 10 }],
  ['ByRegion', { strategy: 'ByRegion' }],
  [
    'Compared',
    {
      strategy: 'Compared',
      metrics: ({ variant }) => ({
        samples: 5_000,
        errorRatePercent: 0,
        crashRatePercent: 0,
        latency: { averageMs: variant === 'v2' ? 15 : 20, varianceMs2: 4, p50Ms: 1, p95Ms: 1, p99Ms: 1 },
        peakMemoryBytes: null,
        memoryRefusals: 0,
        cpuMsPerCall: null,
        fuelPerCall: null,
        custom: {},
      }),
    },
  ],
  ['a failing one', { strategy: 'Staged', script: { healthy: (_: unknown, id: string) => id !== 'v2' } }],
  [
    'one with a failing region',
    {
      strategy: 'ByRegion',
      script: { loads: (node: { region: string }, id: string) => !(id === 'v2' && node.region === 'us-east') },
    },
  ],
];

describe.each(shapes)('%s', (_, shape) => {
  const options = { strategies: testStrategies, ...shape };

  it('survives the death of its server before and after every commit', { timeout: 60_000 }, async () => {
    const reference = await simulateRollout(options);
    const survived = await sweepCrashes(options);
    expect(survived.length).toBeGreaterThanOrEqual(10);
    for (const { same, delayMs, commit, when } of survived)
      expect({ commit, when, same, inTime: delayMs <= 15_000 }).toEqual({ commit, when, same: true, inTime: true });
    expect(reference.errors).toEqual([]);
  });

  it('leaves a journal that proves itself and replays from every beginning', async () => {
    const simulation = await simulateRollout(options);
    await verifyJournal('d', simulation.journal());
    assertReplays(simulation.journal(), testStrategies);
  });

  it('is decided once when engines race, in 30 interleavings', { timeout: 60_000 }, async () => {
    const expected = journalOutline((await simulateRollout(options)).journal());
    for (let seed = 1; seed <= 30; seed++) {
      const simulation = await simulateRollout({ ...options, engines: 2 + (seed % 3), interleave: pausesFrom(seed) });
      expect(simulation.errors).toEqual([]);
      expect(journalOutline(simulation.journal())).toEqual(expected);
      await verifyJournal('d', simulation.journal());
    }
  });
});

describe('races', () => {
  it('of engines with a person who pauses and resumes end well, in 60 interleavings', { timeout: 60_000 }, async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const simulation = new Simulation({ strategies: testStrategies, engines: 3, interleave: pausesFrom(seed) });
      await simulation.deploy({ strategy: 'Staged' });
      await simulation.time.advance((seed * 13_337) % (14 * minute));
      const attempts = [
        ...simulation.engines.map((engine) => engine.advance('default', 'd')),
        simulation.engine.command('default', 'd', 'pause', 'x'),
        simulation.engines[1]?.advance('default', 'd'),
      ];
      await Promise.allSettled(attempts);
      await simulation.time.advance(1_000);
      await simulation.engines[2]?.command('default', 'd', 'resume', 'x').catch(() => undefined);
      await simulation.finish();
      expect([seed, (await simulation.state()).summary.status]).toEqual([seed, 'Completed']);
      await verifyJournal('d', simulation.journal());
      assertReplays(simulation.journal(), testStrategies);
    }
  });

  it('are decided by the hash of the head: an engine that was frozen writes nothing stale', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.deploy({ strategy: 'Staged' });
    await simulation.time.advance(10_000);
    let thaw = (): void => {};
    const frozen = new Promise<void>((resolve) => (thaw = resolve));
    let stops = true;
    const slowStore: JournalStore = {
      read: (...args) => simulation.store.read(...args),
      append: async (batches) => {
        if (stops) await frozen;
        await simulation.store.append(batches);
      },
    };
    const sleeper = simulation.makeEngine({ journal: slowStore, engineId: 'sleeper' });
    const late = sleeper.command('default', 'd', 'promote', 'sleepy');
    await simulation.time.advance(1_000);
    await simulation.command('rollback');
    await simulation.time.advance(1_000);
    stops = false;
    thaw();
    await expect(late).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_COMMAND_REFUSED' });
    expect((await sleeper.state('default', 'd')).summary.status).toBe('RolledBack');
    await verifyJournal('d', simulation.journal());
  });

  it('of an append whose answer was lost are read and not repeated', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.deploy({ strategy: 'Staged' });
    await simulation.time.advance(10_000);
    const forgetful: JournalStore = {
      read: (...args) => simulation.store.read(...args),
      append: async (batches) => {
        await simulation.store.append(batches);
        throw new TypeError('the connection is gone');
      },
    };
    const engine = simulation.makeEngine({ journal: forgetful });
    await expect(engine.command('default', 'd', 'pause', 'bob')).rejects.toThrow('the connection is gone');
    expect((await engine.command('default', 'd', 'pause', 'bob')).summary.status).toBe('Paused');
    expect(simulation.journal().filter((entry) => entry.type === 'command' && entry.command === 'pause')).toHaveLength(
      1,
    );
  });
});

describe('restarts', () => {
  it('never start a bake anew', async () => {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.deploy({ strategy: 'Staged', config: { stages: [100] } });
    for (let seconds = 0; seconds < 310; seconds++) {
      await simulation.time.advance(1_000);
      simulation.restart();
      await simulation.engine.advance('default', 'd');
    }
    expect((await simulation.state()).summary.status).toBe('Completed');
  });
});

describe('strategies that change or are missing', () => {
  const firstWaits = (version: number): Strategy<unknown> =>
    strategyOf(
      'Staged',
      function* (context) {
        yield* wait({ forMs: 1_000, reason: 'a new first step' });
        return yield* staged.rollout(context);
      },
      { version },
    );

  async function begun(): Promise<Simulation> {
    const simulation = new Simulation({ strategies: testStrategies });
    await simulation.deploy({ strategy: 'Staged' });
    await simulation.time.advance(7 * minute);
    return simulation;
  }

  it('hold the rollout with both effects shown when a replay diverges, and let it be rolled back', async () => {
    const simulation = await begun();
    simulation.restart([firstWaits(1)]);
    await simulation.time.advance(5 * minute);
    const { held, summary } = await simulation.state();
    expect(summary.status).toBe('Paused');
    expect(held?.why).toBe('diverged');
    expect(held?.detail).toMatch(/step 0 the journal holds .*"kind":"deploy".* yields .*a new first step/);
    await simulation.command('retry');
    await simulation.time.advance(1_000);
    expect((await simulation.state()).held?.why).toBe('diverged');
    await simulation.command('rollback');
    await simulation.time.advance(1_000);
    expect((await simulation.state()).summary.status).toBe('RolledBack');
  });

  it('finish under the version that began them, and begin under the newest', async () => {
    const simulation = await begun();
    simulation.restart([staged, firstWaits(2)]);
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
    await simulation.engine.create(
      { ...(await simulation.state()).spec, deploymentId: 'next', releaseId: 'v2' },
      'alice',
    );
    await simulation.command('execute', { deploymentId: 'next' });
    await simulation.finish();
    expect(simulation.journal('next').find((entry) => entry.type === 'began')).toMatchObject({
      effect: { kind: 'wait' },
    });
  });

  it('are declined without writing, then paused when no server with them comes', async () => {
    const simulation = await begun();
    simulation.restart([firstWaits(2)]);
    await simulation.time.advance(4 * minute);
    const written = simulation.journal().length;
    expect(await simulation.engine.advance('default', 'd')).toMatchObject({
      kind: 'declined',
      needs: 'strategy Staged@1',
    });
    expect(simulation.journal()).toHaveLength(written);
    await simulation.time.advance(40 * minute);
    const { held, summary } = await simulation.state();
    expect([summary.status, held?.why]).toEqual(['Paused', 'stuck']);
    expect(held?.detail).toContain('strategy Staged@1');
    expect(summary.stuckAt).toBeLessThanOrEqual(simulation.time.now());
    simulation.restart(testStrategies);
    await simulation.command('resume');
    expect((await simulation.state()).summary.stuckAt ?? Infinity).toBeGreaterThan(simulation.time.now());
    await simulation.finish();
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('that fail by a mistake of their own hold the rollout', async () => {
    for (const rollout of [
      strategyOf('Odd', function* ({ targets }) {
        yield* deploy({ nodes: targets });
        throw new TypeError('undefined is not an object');
      }),
      strategyOf('Odd', function* ({ targets }) {
        yield* deploy({ nodes: targets });
        yield* wait({ forMs: Number.NaN, reason: 'a bug' });
        return { status: 'Completed' };
      }),
      strategyOf('Odd', function* ({ targets }) {
        yield* deploy({ nodes: targets });
        yield deploy({ nodes: targets }) as never;
        return { status: 'Completed' };
      }),
      strategyOf('Odd', function* ({ targets }) {
        yield* deploy({ nodes: targets });
        return { status: 'Fine' } as never;
      }),
      strategyOf('Odd', function* ({ targets }) {
        yield* deploy({ nodes: targets });
        for (;;) yield* progress({ percent: 1 });
      }),
      strategyOf('Odd', function* ({ targets }) {
        yield* deploy({ nodes: targets });
        (targets as [number, number][]).push([0, 1]);
        return { status: 'Completed' };
      }),
    ]) {
      const simulation = await simulateRollout({ strategies: [rollout], untilMs: 5 * minute });
      expect((await simulation.state()).held?.why).toBe('strategyThrew');
      await simulation.command('rollback');
      await simulation.time.advance(1_000);
      expect((await simulation.state()).summary.status).toBe('RolledBack');
    }
  });

  it('that say Completed over nodes without the release are not believed', async () => {
    const swallowing = strategyOf('Swallowing', function* ({ targets }) {
      try {
        yield* deploy({ nodes: targets });
      } catch {
        // Swallowed, as no strategy should.
      }
      return { status: 'Completed' };
    });
    const simulation = await simulateRollout({
      strategies: [swallowing],
      script: { loads: (_, id) => id !== 'v2' },
      untilMs: minute,
    });
    const { held } = await simulation.state();
    expect(held?.detail).toContain('returned Completed, but 20 of its nodes could not load the release');
  });

  it('whose journal holds an effect of an unknown kind are declined', async () => {
    const simulation = await begun();
    const wanted = simulation.journal();
    const last = wanted.at(-1);
    const unknown = {
      ...wanted.find((entry) => entry.type === 'began'),
      effect: { kind: 'teleport', version: 1, input: {} },
    };
    const key = 'default/d';
    const rows = simulation.database.journals.get(key) ?? [];
    rows.push(
      JSON.stringify({
        type: 'ended',
        step: 6,
        result: { ok: true, value: null },
        seq: wanted.length,
        at: last?.at,
        actor: 'newer',
        previousHash: last?.hash,
        hash: 'aa',
      }),
    );
    rows.push(
      JSON.stringify({
        ...unknown,
        step: 7,
        seq: wanted.length + 1,
        at: last?.at,
        actor: 'newer',
        previousHash: 'aa',
        hash: 'bb',
      }),
    );
    expect(await simulation.makeEngine().advance('default', 'd')).toMatchObject({
      kind: 'declined',
      needs: 'effect teleport@1',
    });
  });

  it('whose journal holds an entry of an unknown type are refused', async () => {
    const simulation = await begun();
    const last = simulation.journal().at(-1);
    simulation.database.journals.get('default/d')?.push(
      JSON.stringify({
        type: 'teleported',
        seq: (last?.seq ?? 0) + 1,
        at: last?.at,
        actor: 'newer',
        previousHash: last?.hash,
        hash: 'aa',
      }),
    );
    await expect(simulation.makeEngine().advance('default', 'd')).rejects.toMatchObject({
      code: 'HS_JOURNAL_UNKNOWN_ENTRY',
    });
  });
});

describe('a thousand batches of one node', () => {
  it('are a matter of about a second, fleet and store included', { timeout: 60_000 }, async () => {
    const startedAt = performance.now();
    const simulation = await simulateRollout({
      strategies: testStrategies,
      strategy: 'Batched',
      config: { size: 1, delayMs: 1_000 },
      nodes: { a: 1_000 },
    });
    console.log(
      `1,000 batches: ${Math.round(performance.now() - startedAt)} ms with fleet and store, ${simulation.journal().length} entries`,
    );
    expect((await simulation.state()).summary.status).toBe('Completed');
    expect(journalEvents(simulation.journal()).length).toBeGreaterThan(10_000);
  });
});
