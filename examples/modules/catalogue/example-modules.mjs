// The example modules: what each is, how it is built, and calls with known answers.
import { httpModuleEntries } from './http-modules.mjs';

/** WIT name of the interface that both `typed` modules export. */
const ECHO = 'hotswap:typed/echo@1.0.0';

const greeter = (version, stage, shows, samples) => ({
  name: 'greeter',
  version,
  kind: 'component',
  language: 'TypeScript',
  shows,
  healthFunction: 'health-check',
  healthy: stage !== 'unhealthy',
  samples: [{ function: 'version', args: [], result: version }, ...samples],
  build: { recipe: 'typescript', source: `greeter/greeter-${version}.ts`, wit: 'greeter/world.wit', world: 'greeter' },
});

const adder = (version, shows, samples) => ({
  name: 'adder',
  version,
  kind: 'core',
  language: 'AssemblyScript',
  shows,
  healthFunction: 'health_check',
  healthy: true,
  samples: [{ function: 'add', args: [2, 40], result: 42 }, ...samples],
  build: { recipe: 'assemblyscript', source: `adder/assembly/adder-${version}.ts` },
});

const tally = (version, shows) => ({
  name: 'tally',
  version,
  kind: 'component',
  language: 'TypeScript',
  shows,
  healthFunction: 'health-check',
  healthy: true,
  samples: [{ function: 'add', args: [40], result: 40 }],
  build: { recipe: 'typescript', source: `tally/tally-${version}.ts`, wit: 'tally/world.wit', world: 'tally' },
});

const shop = (version, orders, shows) => ({
  name: 'shop',
  version,
  kind: 'core',
  language: 'WAT',
  shows,
  healthFunction: 'health_check',
  healthy: true,
  samples: [{ function: 'visit', args: [], result: orders }],
  build: { recipe: 'wat', source: `shop/shop-${version}.wat` },
});

export const exampleModuleEntries = [
  greeter('1.0.0', 'good', 'The first release', [{ function: 'greet', args: ['Ada'], result: 'Hello, Ada!' }]),
  greeter('1.1.0', 'good', 'A better release with the same interface', [
    { function: 'greet', args: ['Ada'], result: 'Good to see you, Ada!' },
    { function: 'greet', args: [' '], result: 'Good to see you, friend!' },
  ]),
  greeter('1.2.0', 'unhealthy', 'A bad release that its health check gives away; a quarter of all names fail', [
    { function: 'greet', args: ['Ada'], result: 'Welcome, Ada!' },
    { function: 'greet', args: ['Linus'], trap: 'unreachable' },
  ]),
  greeter('1.3.0', 'hidden', 'A bad release behind a green health check; a quarter of all names fail', [
    { function: 'greet', args: ['Ada'], result: 'Welcome, Ada!' },
    { function: 'greet', args: ['Linus'], trap: 'unreachable' },
  ]),
  adder('1.0.0', 'The smallest core module: no memory, no imports', []),
  adder('1.1.0', 'A compatible release: one export more', [
    { function: 'add_saturating', args: [2147483647, 1], result: 2147483647 },
  ]),
  {
    name: 'counter',
    version: '1.0.0',
    kind: 'core',
    language: 'WAT',
    shows: 'State: kept by a stateful instance, new with each fresh one',
    healthFunction: 'health_check',
    healthy: true,
    samples: [
      { function: 'increment', args: [5], result: 5 },
      { function: 'calls', args: [], result: 0 },
    ],
    build: { recipe: 'wat', source: 'counter/counter-1.0.0.wat' },
  },
  shop('1.0.0', 1, 'A business metric: one order a visit, counted through the host'),
  shop('1.1.0', 3, 'The better variant of an experiment: three orders a visit'),
  shop('1.2.0', 1, 'A worse variant: one order a visit again'),
  tally('1.0.0', 'State that outlives its version: saves its sum'),
  tally('1.1.0', 'A compatible release: takes the sum over, and saves more'),
  tally('2.0.0', 'A bad release that refuses the state of every earlier release'),
  {
    name: 'wasi-command',
    version: '1.0.0',
    kind: 'wasi-command',
    language: 'AssemblyScript',
    shows: 'A WASI preview 1 command: arguments, environment, stdin, stdout, stderr, exit code',
    healthy: true,
    samples: [],
    build: { recipe: 'assemblyscript', source: 'wasi-command/assembly/wasi-command-1.0.0.ts' },
  },
  {
    name: 'wasi-command-component',
    version: '1.0.0',
    kind: 'component',
    language: 'AssemblyScript',
    shows: 'The same command as a component that exports wasi:cli/run',
    healthy: true,
    samples: [],
    build: { recipe: 'adapted-command', from: 'wasi-command-1.0.0' },
  },
  {
    name: 'wasi-reactor',
    version: '1.0.0',
    kind: 'wasi-reactor',
    language: 'WAT',
    shows: 'A WASI preview 1 reactor, whose _initialize runs once before the first call',
    healthFunction: 'health_check',
    healthy: true,
    samples: [{ function: 'initialized', args: [], result: 1 }],
    build: { recipe: 'wat', source: 'wasi-reactor/wasi-reactor-1.0.0.wat' },
  },
  {
    name: 'ledger',
    version: '1.0.0',
    kind: 'wasi-reactor',
    language: 'WAT',
    shows: 'A side effect: writes a file where it was given a folder, and answers the same where it was not',
    healthFunction: 'health_check',
    healthy: true,
    samples: [{ function: 'enter', args: [], result: 1 }],
    build: { recipe: 'wat', source: 'ledger/ledger-1.0.0.wat' },
  },
  {
    name: 'typed',
    version: '1.0.0',
    kind: 'component',
    language: 'TypeScript',
    shows: 'Every WIT value type in and out, and a resource; 64-bit integers exact to 2^53 only',
    healthFunction: 'health-check',
    healthy: true,
    samples: [{ function: `${ECHO}#echo-string`, args: ['déjà vu'], result: 'déjà vu' }],
    build: { recipe: 'typescript', source: 'typed/typed-1.0.0.ts', wit: 'typed/world.wit', world: 'typed' },
  },
  {
    name: 'typed-rust',
    version: '1.0.0',
    kind: 'component',
    language: 'Rust',
    shows: 'The same interface as typed, exact to the bit',
    healthFunction: 'health-check',
    healthy: true,
    samples: [
      { function: `${ECHO}#echo-string`, args: ['déjà vu'], result: 'déjà vu' },
      { function: `${ECHO}#echo-u64`, args: [18446744073709551615n], result: 18446744073709551615n },
    ],
    build: { recipe: 'prebuilt', source: 'rust/typed-rust-1.0.0.wasm' },
  },
  {
    name: 'wordcount-rust',
    version: '1.0.0',
    kind: 'component',
    language: 'Rust',
    shows: 'Records, lists and results from a small Rust component',
    healthFunction: 'health-check',
    healthy: true,
    samples: [
      { function: 'count', args: ['a b\nc'], result: { lines: 2, words: 3, characters: 5, bytes: 5 } },
      { function: 'top-words', args: ['B a b', 1], result: [{ word: 'b', count: 2 }] },
    ],
    build: { recipe: 'prebuilt', source: 'rust/wordcount-rust-1.0.0.wasm' },
  },
  ...httpModuleEntries,
];
