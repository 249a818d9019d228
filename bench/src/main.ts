import process from 'node:process';
import { parseArgs } from 'node:util';
import type { Bench, BenchResult, Target } from './bench.ts';
import { containBench } from './contain-bench.ts';
import { differBench } from './differ-bench.ts';
import { httpBench } from './http-bench.ts';
import { invokeBench } from './invoke-bench.ts';
import { loadBench } from './load-bench.ts';
import { rollbackBench } from './rollback-bench.ts';
import { rolloutBench } from './rollout-bench.ts';
import { simulateBench } from './simulate-bench.ts';
import { swapBench } from './swap-bench.ts';

const benches: readonly Bench[] = [
  invokeBench,
  httpBench,
  loadBench,
  swapBench,
  rolloutBench,
  rollbackBench,
  simulateBench,
  containBench,
  differBench,
];

const usage = `npm run bench -- NAME [--json] [--full]   or   npm run bench -- all   or   npm run bench -- --list

  --full  the sizes that the targets are stated for; without it what fits into minutes
  --json  only the closing line of each bench: its figures, ratios and targets
  --list  the benches, a line each`;

const options = {
  json: { type: 'boolean', default: false },
  full: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

async function main(): Promise<number> {
  const parsed = readArguments();
  if (typeof parsed === 'string') {
    console.error(`${parsed}\n${usage}`);
    return 2;
  }
  const { values, positionals } = parsed;
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (values.list) {
    for (const { name, summary } of benches) console.log(`${name.padEnd(8)} ${summary}`);
    return 0;
  }
  const [wanted] = positionals;
  const chosen = wanted === 'all' ? benches : benches.filter(({ name }) => name === wanted);
  if (chosen.length === 0 || positionals.length > 1) {
    console.error(
      `${wanted === undefined ? 'Name a bench' : `There is no bench "${positionals.join(' ')}"`}: ${benches.map(({ name }) => name).join(', ')}, all\n${usage}`,
    );
    return 2;
  }
  for (const bench of chosen) {
    if (!values.json && chosen.length > 1) console.log(`\n== ${bench.name}: ${bench.summary}`);
    const result = await bench.run({
      full: values.full,
      say: (line) => {
        if (!values.json) console.log(line);
      },
    });
    if (!values.json) printTable(result);
    console.log(JSON.stringify({ bench: bench.name, ...result }));
  }
  return 0;
}

/** A text says what is wrong with the arguments. */
function readArguments(): ReturnType<typeof parseArgs<{ allowPositionals: true; options: typeof options }>> | string {
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    return (error as Error).message;
  }
}

function printTable({ figures, ratios, targets }: BenchResult): void {
  const width = Math.max(
    ...[figures, ratios].flatMap((group) => Object.keys(group).map((key) => key.length)),
    ...targets.map(({ name }) => name.length),
  );
  const row = (key: string, text: string): void => console.log(`  ${key.padEnd(width)}  ${text}`);
  console.log('\nfigures');
  for (const [key, value] of Object.entries(figures)) row(key, shown(value));
  if (Object.keys(ratios).length > 0) console.log('ratios (larger is better for HotSwap)');
  for (const [key, value] of Object.entries(ratios)) row(key, shown(value));
  console.log('targets');
  for (const target of targets)
    row(target.name, `${shown(target.value)}  ${bound(target)}  ${target.holds ? 'holds' : 'MISSED'}`);
  console.log('');
}

const bound = (target: Target): string =>
  'atMost' in target ? `at most ${target.atMost}` : `at least ${target.atLeast}`;
const shown = (value: number): string => (Number.isInteger(value) ? value.toLocaleString('en') : value.toPrecision(4));

process.exitCode = await main();
