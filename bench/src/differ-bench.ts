import { isHotSwapError } from '@hotswap/core';
import { diffWorlds, hasBreaking, readWit, type WitWorld } from '@hotswap/interfaces';
// The pairs are those of the tests and stay with them: their verdicts are recorded there, and nobody who installs a package
// needs a generator of texts that break one another.
import {
  judge,
  judgeable,
  oracleProgram,
  type OracleVerdict,
  type WitPair,
} from '../../packages/interfaces/test/oracle.ts';
import { pairOfSeed } from '../../packages/interfaces/test/wit-generator.ts';
import { type Bench, type BenchContext, type BenchResult, atLeast, atMost } from './bench.ts';
import { percentile } from './percentile.ts';

const pairCount = 1_000;
/** Passes before the one that counts: the first ones run on unoptimised code. */
const warmUps = 3;
const passes = 5;

interface Timing {
  readonly readUs: number;
  readonly diffUs: number;
  readonly breaking: boolean;
}

function measure({ old, new: now }: WitPair): Timing {
  const start = performance.now();
  const [before, after] = [worldOf(old), worldOf(now)];
  const read = performance.now();
  const breaking = hasBreaking(diffWorlds(before, after));
  return { readUs: (read - start) * 1_000, diffUs: (performance.now() - read) * 1_000, breaking };
}

/** The quickest of a few passes: others use the machine too. */
function bestOf(pair: WitPair): Timing {
  const all = Array.from({ length: passes }, () => measure(pair));
  return all.reduce((best, each) => (each.readUs + each.diffUs < best.readUs + best.diffUs ? each : best));
}

/** The peer's quickest passes, as ours. */
async function judgeBest(program: string, pairs: readonly WitPair[]): Promise<readonly OracleVerdict[]> {
  const first = await judge(program, pairs);
  const others: (readonly OracleVerdict[])[] = [];
  for (let pass = 1; pass < passes; pass++) others.push(await judge(program, pairs));
  const nsOf = ({ parseNs, checkNs }: OracleVerdict): number => parseNs + checkNs;
  return first.map((verdict, i) =>
    others.reduce((best, all) => {
      const each = all[i] ?? best;
      return nsOf(each) < nsOf(best) ? each : best;
    }, verdict),
  );
}

const median = (samples: Float64Array): number => percentile(samples, 0.5);

/** A few generated texts are no WIT: changes take names away that others use. */
function readablePairs(count: number): readonly WitPair[] {
  const pairs: WitPair[] = [];
  for (let seed = 0; pairs.length < count; seed++) {
    const pair = pairOfSeed(seed);
    try {
      measure(pair);
      pairs.push(pair);
    } catch (error) {
      if (!isHotSwapError(error, 'HS_INTERFACE_INVALID_WIT')) throw error;
    }
  }
  return pairs;
}

function worldOf(text: string): WitWorld {
  return readWit(text).root.worlds.get('w') as WitWorld;
}

const samples = (timings: readonly Timing[], of: (timing: Timing) => number): Float64Array =>
  Float64Array.from(timings, of);

async function run({ full, say }: BenchContext): Promise<BenchResult> {
  const pairs = readablePairs(full ? pairCount * 10 : pairCount);
  const characters = pairs.reduce((sum, pair) => sum + pair.old.length + pair.new.length, 0);
  say(`${pairs.length} pairs of WIT texts, ${Math.round(characters / pairs.length / 2)} characters each on average`);
  for (let i = 0; i < warmUps; i++) pairs.forEach(measure);
  const timings = pairs.map(bestOf);
  const both = samples(timings, ({ readUs, diffUs }) => readUs + diffUs);
  const program = oracleProgram();
  if (program === null)
    say('the peer, semver_check, is not built: `cargo build --release` in packages/interfaces/oracle');
  const peer = program === null ? null : await judgeBest(program, pairs);
  const sound = program === null ? [] : await judgeable(program, pairs);
  const compared = peer === null ? null : comparison(timings, peer, sound);
  const p99 = percentile(both, 0.99);
  return {
    figures: {
      pairs: pairs.length,
      'read both texts p50 us': median(samples(timings, ({ readUs }) => readUs)),
      'diff with paths p50 us': median(samples(timings, ({ diffUs }) => diffUs)),
      'read and diff p50 us': median(both),
      'read and diff p99 us': p99,
      ...compared?.figures,
    },
    ratios: compared?.ratios ?? {},
    targets: [
      atMost('read and diff p99 ms', p99 / 1_000, 5),
      ...(compared === null ? [] : [atLeast('verdicts that agree with semver_check %', compared.agreePercent, 100)]),
    ],
  };
}

/** Beside the peer on the pairs that it can judge. It says yes or no, without places. */
function comparison(
  timings: readonly Timing[],
  verdicts: readonly OracleVerdict[],
  sound: readonly boolean[],
): { figures: Record<string, number>; ratios: Record<string, number>; agreePercent: number } {
  const judged = timings.flatMap((timing, i) => {
    const verdict = verdicts[i];
    return verdict === undefined || sound[i] !== true ? [] : [{ timing, verdict }];
  });
  const peerUs = Float64Array.from(judged, ({ verdict }) => (verdict.parseNs + verdict.checkNs) / 1_000);
  const ownUs = Float64Array.from(judged, ({ timing }) => timing.readUs + timing.diffUs);
  const agreeing = judged.filter(({ timing, verdict }) => timing.breaking === verdict.breaking).length;
  return {
    figures: {
      'pairs that semver_check judges': judged.length,
      'semver_check: read and check p50 us': median(peerUs),
      'semver_check: read and check p99 us': percentile(peerUs, 0.99),
    },
    ratios: { 'read and diff p50 against semver_check': median(peerUs) / median(ownUs) },
    agreePercent: (agreeing / judged.length) * 100,
  };
}

export const differBench: Bench = {
  name: 'differ',
  summary: 'changes between 1,000 pairs of WIT texts, with exact places, beside wit_component::semver_check',
  run,
};
