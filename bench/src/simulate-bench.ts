import process from 'node:process';
import { simulate } from '@hotswap/simulator';
import { canary } from '@hotswap/strategy-canary';
import { rolling } from '@hotswap/strategy-rolling';
import { type Bench, type BenchContext, type BenchResult, atMost } from './bench.ts';
import { median } from './percentile.ts';

const nodes = 100_000;
const runs = 5;
/** "About a second on one core": half as much again for a machine that is not alone. */
const boundMs = 1_500;

const deployment = { moduleId: 'adder-v1.0.0' };
const strategies = [canary(), rolling()];

/** Time by the clock, and what this process computed meanwhile: on a busy machine only that says what one core takes. */
interface Timing {
  readonly wallMs: number;
  readonly computedMs: number;
}

async function timed(work: () => Promise<{ readonly status: string }>): Promise<Timing> {
  const began = performance.now();
  const before = process.cpuUsage();
  const { status } = await work();
  if (status !== 'Completed') throw new RangeError(`the simulation ended as ${status}`);
  const { user, system } = process.cpuUsage(before);
  return { wallMs: performance.now() - began, computedMs: (user + system) / 1_000 };
}

async function run({ say }: BenchContext): Promise<BenchResult> {
  const fleet = { regions: { 'us-east': nodes } };
  const canaries: Timing[] = [];
  say(`a canary over ${nodes} nodes, ${runs} times ...`);
  for (let n = 0; n < runs; n++)
    canaries.push(
      await timed(() => simulate({ strategies, fleet, deployment: { ...deployment, strategy: 'Canary' } })),
    );
  say('a rolling update over 1,000 nodes, one at a time ...');
  const rolled = await timed(() =>
    simulate({
      strategies,
      fleet: { regions: { 'us-east': 1_000 } },
      deployment: { ...deployment, strategy: 'Rolling', strategyConfig: { batchSize: 1, batchDelay: 'PT1S' } },
    }),
  );
  const canaryMs = median(canaries.map((one) => one.wallMs));
  const canaryComputedMs = Math.min(...canaries.map((one) => one.computedMs));
  return {
    figures: {
      nodes,
      canaryMs,
      canaryBestMs: Math.min(...canaries.map((one) => one.wallMs)),
      canaryComputedMs,
      nodesPerSecond: Math.round((nodes / canaryMs) * 1_000),
      rollingOneByOne1000Ms: rolled.wallMs,
    },
    ratios: {},
    targets: [
      atMost(
        'a canary over 100,000 nodes in virtual time, computing time of the best run (ms)',
        canaryComputedMs,
        boundMs,
      ),
    ],
  };
}

export const simulateBench: Bench = {
  name: 'simulate',
  summary: 'rollouts over 100,000 nodes in virtual time, on one core',
  run,
};
