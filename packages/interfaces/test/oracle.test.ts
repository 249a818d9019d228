import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { diffWorlds, hasBreaking, readWit, type InterfaceChange, type WitWorld } from '@hotswap/interfaces';
import { judge, oracleProgram, type WitPair } from './oracle.ts';
import { pairHash, pairOfSeed } from './wit-generator.ts';

const worldIn = (text: string): WitWorld => readWit(text).root.worlds.get('w') as WitWorld;
const changesOf = (pair: WitPair): readonly InterfaceChange[] => diffWorlds(worldIn(pair.old), worldIn(pair.new));

test('the differ says of every recorded pair what semver_check says', async () => {
  const text = await readFile(join(import.meta.dirname, 'verdicts.txt'), 'utf8');
  const recorded = text
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const wrong = recorded.filter(([seed = '', verdict, hash]) => {
    const pair = pairOfSeed(Number(seed));
    expect(pairHash(pair), `seed ${seed}: the generator has changed, record the verdicts anew`).toBe(hash);
    return hasBreaking(changesOf(pair)) !== (verdict === 'breaking');
  });
  expect(wrong).toEqual([]);
  expect(recorded.filter(([, verdict]) => verdict === 'breaking').length).toBeGreaterThan(1_000);
  expect(recorded.filter(([, verdict]) => verdict === 'compatible').length).toBeGreaterThan(1_000);
});

const program = oracleProgram();
// The oracle is a tool of its own that most checkouts have not built; the recorded verdicts stand for it there.
if (program !== null) {
  test('the differ agrees with semver_check on pairs that were not recorded', async () => {
    const seeds = Array.from({ length: 300 }, (_, i) => 1_000_000 + i);
    const pairs = seeds.map(pairOfSeed);
    const verdicts = await judge(program, pairs);
    const selves = await judge(
      program,
      pairs.flatMap((pair) => [
        { old: pair.old, new: pair.old.replace('@1.0.0', '@1.1.0') },
        { old: pair.new.replace('@1.1.0', '@1.0.0'), new: pair.new },
      ]),
    );
    const wrong = seeds.filter((_, i) => {
      const verdict = verdicts[i];
      const isOdd = [selves[2 * i], selves[2 * i + 1]].some((self) => self?.breaking !== false);
      if (verdict === undefined || verdict.invalid !== null || isOdd) return false;
      return hasBreaking(changesOf(pairs[i] as WitPair)) !== verdict.breaking;
    });
    expect(wrong).toEqual([]);
  });
}
