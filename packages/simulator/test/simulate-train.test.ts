import { readFileSync } from 'node:fs';
import { fail, isHotSwapError, type Strategy } from '@hotswap/core';
import type { SimulateTrainRequest, TrainSimulationResult } from '@hotswap/protocol';
import { readTrainScenario, simulateTrain } from '@hotswap/simulator';
import { allAtOnce } from '@hotswap/strategy-all-at-once';
import { canary } from '@hotswap/strategy-canary';
import { rolling } from '@hotswap/strategy-rolling';
import { describe, expect, it } from 'vitest';

const strategies = [allAtOnce(), canary(), rolling()];
const base: SimulateTrainRequest = {
  train: {
    moduleIds: ['tax-v2.0.0', 'price-v2.0.0', 'shop-v2.0.0'],
    strategy: 'Canary',
    strategyConfig: { stages: [25, 100], evaluationPeriod: 'PT1M' },
    retention: 'PT2H',
  },
  fleet: { regions: { 'us-east': 12, 'eu-central': 8 } },
};
const run = (scenario: Partial<SimulateTrainRequest> = {}) => simulateTrain({ ...base, ...scenario, strategies });
const statuses = ({ members }: TrainSimulationResult) => members.map(({ status }) => status);
/** When each member was over, from the first to the last. */
const ends = ({ members }: TrainSimulationResult) => members.map(({ endedAtMs }) => endedAtMs ?? NaN);

describe('simulateTrain', () => {
  it('runs every member after the one before is completed', async () => {
    const result = await run();
    expect(result).toMatchObject({ status: 'Completed', order: 'given' });
    expect(statuses(result)).toEqual(['Completed', 'Completed', 'Completed']);
    for (const [n, { beganAtMs, targetCount, changes }] of result.members.entries()) {
      expect(beganAtMs ?? NaN).toBeGreaterThanOrEqual(n === 0 ? 0 : (ends(result)[n - 1] ?? Infinity));
      expect(targetCount).toBe(20);
      expect(changes.map(({ after }) => after[0]?.releaseId)).toEqual(
        Array.from({ length: 2 }, () => `${['tax', 'price', 'shop'][n] ?? ''}-new`),
      );
    }
    expect(result.durationMs).toBeGreaterThan(6 * 60_000);
    expect(result.timeline.filter(({ source }) => source === 'train').map(({ sentence }) => sentence)).toEqual([
      'The train begins: 3 modules, one after the other.',
      'The train is completed: every member is.',
    ]);
  });

  it('rolls everything back in reverse order when a member fails, and says what each had reached', async () => {
    const result = await run({ script: { faults: [{ kind: 'unhealthy', module: 'shop' }] } });
    expect(result).toMatchObject({ status: 'RolledBack' });
    expect(result.reason).toMatch(/train-simulated-shop is \w+: Health checks failed at stage 25%/);
    expect(statuses(result)).toEqual(['RolledBack', 'RolledBack', 'RolledBack']);
    const [tax = NaN, price = NaN, shop = NaN] = ends(result);
    expect([shop, price, tax]).toEqual([shop, price, tax].toSorted((a, b) => a - b));
    expect(result.members.map(({ blastRadius }) => blastRadius.trafficPercent)).toEqual([100, 100, 25]);
    expect(
      result.members.every(({ changes }) => changes.every(({ sentence }) => sentence.endsWith('-old, as before'))),
    ).toBe(true);
    const turned = result.timeline.find(({ type, source }) => source === 'train' && type === 'RollingBack');
    expect(turned?.sentence).toContain('Everything goes back, from the last member to the first');
  });

  it('calls off those whose turn never came', async () => {
    const result = await run({ script: { faults: [{ kind: 'loadFailure', module: 'tax' }] } });
    expect(result.status).toBe('RolledBack');
    expect(statuses(result)).toEqual(['RolledBack', 'Cancelled', 'Cancelled']);
    expect(result.members.map(({ beganAtMs }) => beganAtMs)).toEqual([expect.any(Number), null, null]);
    expect(result.members[1]).toMatchObject({ targetCount: 0, changes: [], leftOut: [] });
  });

  it('has failed, and took nothing back, when its first member found no room', async () => {
    const noRoom: Strategy<unknown> = {
      ...allAtOnce(),
      name: 'NoRoom',
      *rollout() {
        yield* fail({ cause: 'capacity', message: 'Insufficient capacity for Green environment' });
        return { status: 'Completed' };
      },
    };
    const result = await simulateTrain({
      ...base,
      train: { ...base.train, strategy: 'NoRoom', strategyConfig: {} },
      strategies: [noRoom],
    });
    expect([result.status, statuses(result)]).toEqual(['Failed', ['Failed', 'Cancelled', 'Cancelled']]);
    expect(result.reason).toBe('train-simulated-tax is Failed: Insufficient capacity for Green environment');
  });

  it('judges each member by what the script says of its own calls', async () => {
    const result = await run({ script: { metrics: [{ module: 'price', errorRatePercent: 40 }] } });
    expect(statuses(result)).toEqual(['RolledBack', 'RolledBack', 'Cancelled']);
    expect(result.members[1]?.blastRadius.failedRequests).toBeGreaterThan(0);
    expect(result.members[0]?.blastRadius.failedRequests).toBe(0);
  });

  it('goes on under a server that was gone, also on its way back', async () => {
    const down = { kind: 'serverDown', at: 'PT90S', for: 'PT10M' } as const;
    const forward = await run({ script: { faults: [down] } });
    expect(forward.status).toBe('Completed');
    expect(forward.durationMs).toBeGreaterThan(11 * 60_000);
    const script = {
      faults: [down],
      commands: [{ at: 'PT89.99S', command: 'rollback', reason: 'no' }],
    } satisfies SimulateTrainRequest['script'];
    const back = await run({ script });
    expect(back).toMatchObject({ status: 'RolledBack', reason: 'no' });
    expect(back.durationMs).toBeGreaterThan(11 * 60_000);
  });

  it('is taken back by a command while what the members replaced is warm, and not by abort', async () => {
    const commands = [
      { at: 'PT20M', command: 'abort' },
      { at: 'PT21M', command: 'rollback', reason: 'looks odd' },
    ] as const;
    const result = await run({ script: { commands } });
    expect(result).toMatchObject({ status: 'RolledBack', reason: 'looks odd' });
    const told = result.timeline.map(({ sentence }) => sentence);
    expect(told).toContain(
      'Somebody asked for abort of the train, which was refused: it is completed: roll it back instead.',
    );
  });

  it('waits with a member, and goes on when it is answered', async () => {
    const train = {
      ...base.train,
      strategyConfig: { stages: [25, 100], evaluationPeriod: 'PT1M', autoPromote: false },
    };
    const paused = await run({ train });
    expect(paused).toMatchObject({ status: 'Paused', members: [{ status: 'Paused' }, { status: 'Pending' }, {}] });
    expect(await run({ train, script: { answerPausesAfter: 'PT5M' } })).toMatchObject({ status: 'Completed' });
    const named = { at: 'PT5M', command: 'promote', module: 'tax' } as const;
    const script = {
      commands: [named, { at: 'PT10M', command: 'promote' }, { at: 'PT15M', command: 'promote' }],
    } as const;
    expect(await run({ train, script })).toMatchObject({ status: 'Completed' });
  });

  it('gives the same result to the byte for the same seed, and another one for another', async () => {
    const script = {
      latency: { min: 0.02, max: 3 },
      faults: [
        { kind: 'slow' as const, nodes: { percent: 20 }, delay: 5 },
        { kind: 'flapping' as const, nodes: { count: 2 }, down: 'PT20S', up: 'PT1M', for: 'PT5M' },
      ],
    };
    const [first, again, other] = await Promise.all([
      run({ script, seed: 3 }),
      run({ script, seed: 3 }),
      run({ script, seed: 4 }),
    ]);
    expect(JSON.stringify(again)).toBe(JSON.stringify(first));
    expect(JSON.stringify(other)).not.toBe(JSON.stringify(first));
  });

  it.each<[string, Partial<SimulateTrainRequest>, string]>([
    [
      'a fault of a module that is no member',
      { script: { faults: [{ kind: 'unhealthy', module: 'cart' }] } },
      '/script/faults/0/module',
    ],
    [
      'a command to one',
      { script: { commands: [{ at: 0, command: 'pause', module: 'cart' }] } },
      '/script/commands/0/module',
    ],
    ['a module twice', { train: { ...base.train, moduleIds: ['tax-v1.0.0', 'tax-v2.0.0'] } }, '/train/moduleIds/1'],
    ['a single module', { train: { ...base.train, moduleIds: ['tax-v1.0.0'] } }, '/train/moduleIds'],
    ['a region that no node is in', { train: { ...base.train, targetRegions: ['mars'] } }, '/train/targetRegions/0'],
    ['a deployment besides', { deployment: {} } as object, '/deployment'],
  ])('refuses %s with a pointer', async (_, part, pointer) => {
    const failure = await run(part).catch((error: unknown) => error);
    expect(isHotSwapError(failure, 'HS_CONFIG_INVALID_SCENARIO')).toBe(true);
    expect((failure as { details: { pointer: string } }).details.pointer).toBe(pointer);
  });

  it('reads the scenario of the examples', async () => {
    const file = new URL('../../../examples/scenarios/broken-train.json', import.meta.url);
    const result = await simulateTrain({ ...readTrainScenario(JSON.parse(readFileSync(file, 'utf8'))), strategies });
    expect(result).toMatchObject({ status: 'RolledBack', seed: 7 });
    expect(statuses(result)).toEqual(['RolledBack', 'RolledBack', 'RolledBack']);
  });
});
