// Asks `semver_check` about generated pairs and keeps what it says in verdicts.txt: one line a pair, `SEED VERDICT HASH`.
// Needs the oracle: `cargo build --release` in ../oracle. Run: node --conditions=@hotswap/source test/record-verdicts.ts [COUNT]
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { judge, oracleProgram, type WitPair } from './oracle.ts';
import { pairHash, pairOfSeed } from './wit-generator.ts';

const count = Number(process.argv[2] ?? 4_000);
const program = oracleProgram();
if (program === null)
  throw new Error('the oracle is not built: run `cargo build --release` in packages/interfaces/oracle');
const pairs = Array.from({ length: count }, (_, seed) => pairOfSeed(seed));
const verdicts = await judge(program, pairs);
// A world that cannot replace itself says nothing about changes: semver_check refuses some that meet a resource twice.
const selves = await judge(program, pairs.flatMap(selfPairs));
const lines = pairs.flatMap((pair, seed) => {
  const verdict = verdicts[seed];
  const isOdd = [selves[2 * seed], selves[2 * seed + 1]].some((self) => self?.breaking !== false);
  if (verdict === undefined || verdict.invalid !== null || isOdd) return [];
  return [`${seed} ${verdict.breaking ? 'breaking' : 'compatible'} ${pairHash(pair)}`];
});
await writeFile(join(import.meta.dirname, 'verdicts.txt'), `${lines.join('\n')}\n`);
console.log(`${lines.length} of ${count} pairs kept`);

function selfPairs(pair: WitPair): WitPair[] {
  return [
    { old: pair.old, new: pair.old.replace('@1.0.0', '@1.1.0') },
    { old: pair.new.replace('@1.1.0', '@1.0.0'), new: pair.new },
  ];
}
