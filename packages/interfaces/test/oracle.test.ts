import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { diffWorlds, hasBreaking, readWit, type InterfaceChange, type WitWorld } from '@hotswap/interfaces';
import { judge, judgeable, oracleProgram, type WitPair } from './oracle.ts';
import { movedPairOfSeed, pairHash, pairOfSeed } from './wit-generator.ts';

const worldIn = (text: string): WitWorld => readWit(text).root.worlds.get('w') as WitWorld;
const changesOf = (pair: WitPair): readonly InterfaceChange[] => diffWorlds(worldIn(pair.old), worldIn(pair.new));

test.each([
  ['', 'verdicts.txt', pairOfSeed, 1_000],
  [', of resources that change sides', 'moved-verdicts.txt', movedPairOfSeed, 200],
] as const)('the differ says of every recorded pair what semver_check says%s', async (_what, file, ofSeed, least) => {
  const text = await readFile(join(import.meta.dirname, file), 'utf8');
  const recorded = text
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const wrong = recorded.filter(([seed = '', verdict, hash]) => {
    const pair = ofSeed(Number(seed));
    expect(pairHash(pair), `seed ${seed}: the generator has changed, record the verdicts anew`).toBe(hash);
    return hasBreaking(changesOf(pair)) !== (verdict === 'breaking');
  });
  expect(wrong).toEqual([]);
  expect(recorded.filter(([, verdict]) => verdict === 'breaking').length).toBeGreaterThan(least);
  expect(recorded.filter(([, verdict]) => verdict === 'compatible').length).toBeGreaterThan(least);
});

const program = oracleProgram();
// The oracle is a tool of its own that most checkouts have not built; the recorded verdicts stand for it there.
if (program !== null) {
  test.each([
    ['', pairOfSeed],
    [' in which a resource may change sides', movedPairOfSeed],
  ] as const)('the differ agrees with semver_check on pairs%s that were not recorded', async (_what, ofSeed) => {
    const seeds = Array.from({ length: 300 }, (_, i) => 1_000_000 + i);
    const pairs = seeds.map(ofSeed);
    const verdicts = await judge(program, pairs);
    const sound = await judgeable(program, pairs);
    const wrong = seeds.filter(
      (_, i) => sound[i] === true && hasBreaking(changesOf(pairs[i] as WitPair)) !== verdicts[i]?.breaking,
    );
    expect(wrong).toEqual([]);
  });
}
