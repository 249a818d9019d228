import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { isHotSwapError } from '@hotswap/core';
import { diffWit, readWit } from '@hotswap/interfaces';
import { Dice, pairOfSeed } from './wit-generator.ts';

const rich = readFileSync(new URL('fixtures/rich.wit', import.meta.url), 'utf8');
const alphabet = '{}()<>;:,.@/%*"=-> \n_abrt019\u0000\ud800é';
const words = [
  'record',
  'use',
  'list<',
  'resource',
  'world',
  'include',
  'package a:b@1.0.0 {',
  'func(',
  'borrow<',
  '/*',
  '@since(version = 1.0.0)',
];

/** The text with a few places overwritten, cut out, doubled or filled with words. */
function mutated(text: string, dice: Dice): string {
  let result = text;
  for (let i = 1 + dice.roll(4); i > 0; i--) {
    const at = dice.roll(result.length + 1);
    const length = dice.roll(40);
    const end = at + length;
    switch (dice.roll(5)) {
      case 0:
        result = result.slice(0, at) + result.slice(end);
        break;
      case 1:
        result = result.slice(0, at) + (alphabet[dice.roll(alphabet.length)] ?? '') + result.slice(at + 1);
        break;
      case 2:
        result = result.slice(0, end) + result.slice(at, end) + result.slice(end);
        break;
      case 3:
        result = `${result.slice(0, at)} ${dice.pick(words)} ${result.slice(at)}`;
        break;
      default:
        result = result.slice(0, at);
    }
  }
  return result;
}

/** What the reader made of a text: it may refuse it, by its own codes only. */
function outcome(work: () => unknown): 'read' | 'refused' {
  try {
    work();
    return 'read';
  } catch (error) {
    if (isHotSwapError(error) && error.code.startsWith('HS_INTERFACE_')) return 'refused';
    throw error;
  }
}

it('refuses or reads 20,000 mutated texts, and compares what it reads', { timeout: 60_000 }, () => {
  const dice = new Dice(7);
  let read = 0;
  for (let i = 0; i < 20_000; i++) {
    const seed = i % 5 === 0 ? rich : pairOfSeed(i % 500).old;
    const text = mutated(seed, dice);
    if (outcome(() => readWit(text)) === 'refused') continue;
    read++;
    outcome(() => diffWit(seed, text));
  }
  expect(read).toBeGreaterThan(300);
});

it.each([
  ['types that nest too deep', `interface a { f: func(x: ${'list<'.repeat(5_000)}u8${'>'.repeat(5_000)}); }`],
  ['packages that nest too deep', `${'package a:b { '.repeat(5_000)}${'}'.repeat(5_000)}`],
  ['a chain of names', `interface a { type t0 = u8; ${chain(3_000, (i) => `type t${i} = list<t${i - 1}>;`)} }`],
  [
    'a chain of names from its end',
    `interface a { ${chainDown(3_000, (i) => `type t${i} = list<t${i - 1}>;`)} type t0 = u8; }`,
  ],
  [
    'a chain of interfaces',
    `package a:b; interface i0 { type t = u8; } ${chain(3_000, (i) => `interface i${i} { use i${i - 1}.{t}; }`)}`,
  ],
  ['a type that contains itself', 'interface a { record r { r: list<r> } }'],
  [
    'interfaces that need each other',
    'package a:b; interface a { use b.{t}; type u = u8; } interface b { use a.{u}; type t = u8; }',
  ],
  ['worlds that include each other', 'package a:b; world a { include b; } world b { include a; }'],
  [
    'worlds that multiply',
    `package a:b; world w0 { ${chain(500, (i) => `import f${i}: func();`)} } ${chain(200, (i) => `world w${i} { include w${i - 1}; }`)}`,
  ],
  ['too many definitions', `interface a { ${chain(30_000, (i) => `type t${i} = u8;`)} }`],
  ['a comment that does not end', '/* /* */ interface a {}'],
])('refuses %s', (_title, text) => {
  expect(outcome(() => readWit(text))).toBe('refused');
});

it('bounds what a type that doubles at each level reports', () => {
  const levels = (first: string): string =>
    `package a:b@1.0.0; interface i { record r0 { x: ${first} } ${chain(60, (i) => `record r${i} { a: r${i - 1}, b: r${i - 1} }`)} f: func(x: r60); }`;
  const changes = diffWit(levels('u8'), levels('u16'));
  expect(changes.length).toBeGreaterThan(0);
  expect(changes.length).toBeLessThanOrEqual(2_000);
});

function chain(length: number, item: (i: number) => string): string {
  return Array.from({ length }, (_, i) => item(i + 1)).join(' ');
}

function chainDown(length: number, item: (i: number) => string): string {
  return Array.from({ length }, (_, i) => item(length - i)).join(' ');
}
