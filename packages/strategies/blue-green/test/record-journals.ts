// Writes the golden journals that are missing. A journal that is there is never written again: it stands for what a
// released version has left in somebody's database. A new version of the strategy adds files of its own.
//   node --conditions=@hotswap/source test/record-journals.ts
import { existsSync, writeFileSync } from 'node:fs';
import { journalLines, runGoldenScenario } from '@hotswap/testing';
import { goldenRollouts } from './golden-scenarios.ts';

for (const scenario of goldenRollouts.scenarios) {
  const file = new URL(`./journals/v1-${scenario.name}.jsonl`, import.meta.url);
  if (existsSync(file)) continue;
  const simulation = await runGoldenScenario(goldenRollouts, scenario);
  writeFileSync(file, journalLines(simulation.journal()));
  console.log(`${scenario.name}: ${simulation.journal().length} entries, ${(await simulation.state()).summary.status}`);
}
