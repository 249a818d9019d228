import { parseArgs } from 'node:util';

const described = {
  sample: { type: 'boolean', default: false, description: 'a quick selection, for every test run' },
  full: {
    type: 'boolean',
    default: false,
    description: 'also 100,000 seeds of chance: half an hour more on two cores',
  },
  seeds: { type: 'string', default: '', description: 'nothing but so many seeds' },
  from: {
    type: 'string',
    default: '0',
    description: 'the first seed: the one that broke something, or where an ended run goes on',
  },
  cases: { type: 'string', default: '', description: "a file that exports `strategyCases`, in place of the project's" },
  only: { type: 'string', default: '', description: 'only points whose name contains this' },
  json: { type: 'boolean', default: false, description: 'a last line on standard output for programs' },
  help: { type: 'boolean', default: false, description: 'this text' },
} as const;

type Values = { [K in keyof typeof described]: (typeof described)[K]['type'] extends 'boolean' ? boolean : string };

const usage = (): string =>
  [
    'npm run faults -- [options]: kills, stalls and races, and what must hold after each.',
    ...Object.entries(described).map(
      ([name, { type, description }]) =>
        `  --${`${name}${type === 'string' ? ' TEXT' : ''}`.padEnd(13)} ${description}`,
    ),
  ].join('\n');

/** What the run was asked to do. Ends the process where the answer is a text: with 0 after `--help`, with 2 after a mistake. */
export function faultOptions(args: readonly string[]): Values {
  const { values, mistake } = parse(args);
  if (mistake === undefined && !values.help) return values;
  if (mistake === undefined) console.log(usage());
  else console.error(`${mistake}\n\n${usage()}`);
  process.exit(mistake === undefined ? 0 : 2);
}

function parse(args: readonly string[]): { readonly values: Values; readonly mistake?: string } {
  const options = described;
  const none = parseArgs({ args: [], options }).values;
  try {
    return { values: parseArgs({ args: [...args], options }).values };
  } catch (error) {
    return { values: none, mistake: (error as Error).message };
  }
}
