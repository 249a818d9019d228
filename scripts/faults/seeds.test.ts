import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { rollOutBySeed } from '@hotswap/testing';
import { describe, expect, it } from 'vitest';
import { strategyCases } from './strategy-cases.ts';

/** `npm run faults -- --full` goes on from here. */
const seeds = 1_000;
const blocks = 10;

/** What has to have happened somewhere among the seeds of a test run, for each strategy and to the whole system. */
const ofEachStrategy = [
  'ends as Completed',
  'ends as RolledBack',
  'ends as Cancelled',
  'is told to pause',
  'is told to resume',
  'is told to rollback',
  'goes back from deploy',
  'goes back from retain',
];
const ofTheSystem = [
  'ABTesting finds for A',
  'ABTesting finds for B',
  'ABTesting finds for Inconclusive',
  'two engines race',
  'requests are copied first',
  'AllAtOnce goes back from mirror',
  'the server dies with AllAtOnce at mirror',
  'every server stops',
  'a node goes',
  'a node joins',
  'a node is disabled',
  'a message to a node is lost',
  'a message to a node comes twice',
  'a report of a node is lost',
  'a report of a node comes twice',
  'deployments of two modules on the same nodes',
  'two deployments of a module in regions of their own',
  'a train ends as Completed',
  'a train ends as RolledBack',
  'a train ends as Cancelled',
  'a train is rolled back under way',
  'a completed train is rolled back',
];

describe('rollouts decided by chance', () => {
  const covered = new Set<string>();

  it.each(Array.from({ length: blocks }, (_, block) => block))(
    'keep every invariant, block %i of 10',
    async (block) => {
      for (let seed = (block * seeds) / blocks; seed < ((block + 1) * seeds) / blocks; seed++) {
        const run = await rollOutBySeed(seed, strategyCases);
        expect(run.violations, `seed ${String(seed)}: ${run.story.join('; ')}`).toEqual([]);
        for (const what of run.covered) covered.add(what);
      }
    },
    60_000,
  );

  it('come by everything that can happen', () => {
    const wanted = [
      ...ofTheSystem,
      ...strategyCases.flatMap(({ strategy }) => [
        ...ofEachStrategy.map((what) => `${strategy.name} ${what}`),
        `the server dies with ${strategy.name} at deploy`,
        `the server dies with ${strategy.name} at shiftTraffic`,
      ]),
    ];
    expect(wanted.filter((what) => !covered.has(what))).toEqual([]);
  });

  it('go the same way twice', async () => {
    for (const seed of [1, 17, 93, 271])
      expect(await rollOutBySeed(seed, strategyCases)).toEqual(await rollOutBySeed(seed, strategyCases));
  });
});

describe('npm run faults -- --seeds', () => {
  const run = async (...args: readonly string[]): Promise<{ code: number | null; told: string }> => {
    const main = fileURLToPath(new URL('./main.ts', import.meta.url));
    const child = spawn(process.execPath, ['--conditions=@hotswap/source', main, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    return { told: await text(child.stderr), code: await ended };
  };

  it('tries a range of seeds in threads, and says what happened to them', async () => {
    const { code, told } = await run('--seeds', '130', '--from', '40');
    expect(told).toContain('130 of 130 seeds kept every invariant');
    expect(told).toMatch(/\d+ {2}two engines race/);
    expect(code).toBe(0);
  }, 60_000);

  it('finds a fault that was planted, and names the command that shows it again', async () => {
    const cases = fileURLToPath(new URL('./planted-cases.ts', import.meta.url));
    const first = await run('--seeds', '40', '--cases', cases);
    expect(first.code).toBe(1);
    const [, seed] = /again: npm run faults -- --seeds 1 --from (\d+) --cases/.exec(first.told) ?? [];
    const again = await run('--seeds', '1', '--from', String(seed), '--cases', cases);
    expect(again.code).toBe(1);
    expect(again.told).toMatch(new RegExp(`FAILED +seed ${String(seed)}: [^]*I4`));
  }, 60_000);

  it.each([
    ['--seeds=-1', '--from=0'],
    ['--seeds', 'many'],
    ['--seeds=5', '--from=1.5'],
  ])('refuses %s %s', async (...args) => {
    const { code, told } = await run(...args);
    expect([code, told]).toEqual([2, expect.stringContaining('must be a whole number')]);
  });
});
