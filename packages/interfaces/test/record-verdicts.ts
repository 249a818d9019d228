// Asks `semver_check` about generated pairs and keeps what it says in verdicts.txt, and of pairs in which a resource changes
// sides in moved-verdicts.txt: one line a pair, `SEED VERDICT HASH`.
// Needs the oracle: `cargo build --release` in ../oracle. Run: node --conditions=@hotswap/source test/record-verdicts.ts [COUNT]
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { judge, judgeable, oracleProgram } from './oracle.ts';
import { movedPairOfSeed, pairHash, pairOfSeed } from './wit-generator.ts';

const count = Number(process.argv[2] ?? 4_000);
const found = oracleProgram();
if (found === null)
  throw new Error('the oracle is not built: run `cargo build --release` in packages/interfaces/oracle');
await record(found, 'verdicts.txt', count, pairOfSeed);
await record(found, 'moved-verdicts.txt', Math.ceil(count / 4), movedPairOfSeed);

async function record(program: string, file: string, seeds: number, ofSeed: typeof pairOfSeed): Promise<void> {
  const pairs = Array.from({ length: seeds }, (_, seed) => ofSeed(seed));
  const verdicts = await judge(program, pairs);
  // A world that cannot replace itself says nothing about changes.
  const sound = await judgeable(program, pairs);
  const lines = pairs.flatMap((pair, seed) =>
    sound[seed] === true
      ? [`${seed} ${verdicts[seed]?.breaking === true ? 'breaking' : 'compatible'} ${pairHash(pair)}`]
      : [],
  );
  await writeFile(join(import.meta.dirname, file), `${lines.join('\n')}\n`);
  console.log(`${file}: ${lines.length} of ${seeds} pairs kept`);
}
