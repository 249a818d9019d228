import { describe, expect, it } from 'vitest';
import {
  diffPackages,
  diffWorlds,
  hasBreaking,
  readWit,
  type InterfaceChange,
  type WitWorld,
} from '@hotswap/interfaces';

/** A component's world that exports one interface with the given items. */
function exporting(items: string, version = '1.2.0'): WitWorld {
  return worldOf(`package acme:img@${version};\ninterface resize {\n${items}\n}\nworld w { export resize; }`);
}

function worldOf(text: string): WitWorld {
  return readWit(text).root.worlds.get('w') as WitWorld;
}

const lines = (changes: readonly InterfaceChange[]): string[] =>
  changes.map(
    ({ severity, kind, path, before, after }) => `${severity} ${kind} ${path}: ${before ?? '-'} -> ${after ?? '-'}`,
  );

const cases: readonly (readonly [title: string, before: string, after: string, expected: readonly string[]])[] = [
  [
    'a function that is gone',
    'a: func(); b: func() -> u8;',
    'a: func();',
    ['breaking function-removed acme:img/resize@1.2.0#b: func() -> u8 -> -'],
  ],
  [
    'a function more',
    'a: func();',
    'a: func(); b: func();',
    ['additive function-added acme:img/resize@1.2.0#b: - -> func()'],
  ],
  [
    'a parameter more',
    'a: func();',
    'a: func(w: u8);',
    ['breaking param-added acme:img/resize@1.2.0#a.param[0:w]: - -> u8'],
  ],
  [
    'a parameter less',
    'a: func(w: u8, h: u8);',
    'a: func(h: u8);',
    ['breaking param-removed acme:img/resize@1.2.0#a.param[0:w]: u8 -> -'],
  ],
  [
    'another name of a parameter',
    'a: func(w: u8);',
    'a: func(width: u8);',
    ['breaking param-renamed acme:img/resize@1.2.0#a.param[0:w]: w -> width'],
  ],
  [
    'parameters in another order',
    'a: func(w: u8, h: u8);',
    'a: func(h: u8, w: u8);',
    ['breaking param-reordered acme:img/resize@1.2.0#a: w, h -> h, w'],
  ],
  [
    'another type deep within a parameter',
    'a: func(w: list<option<result<u8, string>>>);',
    'a: func(w: list<option<result<u16, string>>>);',
    ['breaking param-type-changed acme:img/resize@1.2.0#a.param[0:w].element.some.ok: u8 -> u16'],
  ],
  [
    'another result',
    'a: func() -> tuple<u8, char>;',
    'a: func() -> tuple<u8, bool>;',
    ['breaking result-changed acme:img/resize@1.2.0#a.result.tuple[1]: char -> bool'],
  ],
  [
    'no result any more',
    'a: func() -> u8;',
    'a: func();',
    ['breaking result-changed acme:img/resize@1.2.0#a.result: u8 -> -'],
  ],
  [
    'asynchronous now',
    'a: func();',
    'a: async func();',
    ['breaking async-changed acme:img/resize@1.2.0#a: func() -> async func()'],
  ],
  [
    'a field more and one less',
    'record size { w: u32, h: u32 } a: func(s: size);',
    'record size { w: u32, d: u32 } a: func(s: size);',
    [
      'breaking field-removed acme:img/resize@1.2.0#a.param[0:s].record(size).field[h]: u32 -> -',
      'breaking field-added acme:img/resize@1.2.0#a.param[0:s].record(size).field[d]: - -> u32',
    ],
  ],
  [
    'fields in another order',
    'record size { w: u32, h: u32 } a: func(s: size);',
    'record size { h: u32, w: u32 } a: func(s: size);',
    ['breaking field-reordered acme:img/resize@1.2.0#a.param[0:s].record(size): w, h -> h, w'],
  ],
  [
    'a case of a variant with another type',
    'variant v { x(u8), y } a: func() -> v;',
    'variant v { x(u8), y(u8) } a: func() -> v;',
    ['breaking case-type-changed acme:img/resize@1.2.0#a.result.variant(v).case[y]: - -> u8'],
  ],
  [
    'a case of an enum more',
    'enum e { x, y } a: func() -> e;',
    'enum e { x, y, z } a: func() -> e;',
    ['breaking case-added acme:img/resize@1.2.0#a.result.enum(e).case[z]: - -> z'],
  ],
  [
    'a flag more',
    'flags f { x } a: func() -> f;',
    'flags f { x, y } a: func() -> f;',
    ['breaking flag-added acme:img/resize@1.2.0#a.result.flags(f).flag[y]: - -> y'],
  ],
  [
    'a type that nothing uses',
    'record size { w: u32 } a: func();',
    'record size { w: u64 } a: func();',
    ['breaking field-type-changed acme:img/resize@1.2.0#type(size).record(size).field[w]: u32 -> u64'],
  ],
  [
    'a type that is gone',
    'type id = u32; a: func();',
    'a: func();',
    ['breaking type-removed acme:img/resize@1.2.0#type(id): u32 -> -'],
  ],
  [
    'a type more',
    'a: func();',
    'type id = u32; a: func();',
    ['additive type-added acme:img/resize@1.2.0#type(id): - -> u32'],
  ],
  [
    'a method that is gone, a static one more',
    'resource image { width: func() -> u32; }',
    'resource image { open: static func() -> image; }',
    [
      'breaking function-removed acme:img/resize@1.2.0#[method]image.width: func(self: borrow<image>) -> u32 -> -',
      'additive function-added acme:img/resize@1.2.0#[static]image.open: - -> func() -> image',
    ],
  ],
  [
    'another constructor',
    'resource image { constructor(w: u8); }',
    'resource image { constructor(w: u16); }',
    ['breaking param-type-changed acme:img/resize@1.2.0#[constructor]image.param[0:w]: u8 -> u16'],
  ],
  [
    'borrowed instead of owned',
    'resource image; a: func(i: image);',
    'resource image; a: func(i: borrow<image>);',
    ['breaking ownership-changed acme:img/resize@1.2.0#a.param[0:i]: own<image> -> borrow<image>'],
  ],
  [
    'deprecated from now on',
    'a: func();',
    '@deprecated(version = 1.2.0) a: func();',
    ['info deprecated acme:img/resize@1.2.0#a: - -> deprecated since 1.2.0'],
  ],
  [
    'another name for the same type',
    'a: func() -> u8;',
    'type byte = u8; a: func() -> byte;',
    ['additive type-added acme:img/resize@1.2.0#type(byte): - -> u8'],
  ],
];

describe('an exported interface', () => {
  for (const [title, before, after, expected] of cases) {
    it(`names the place of: ${title}`, () => {
      expect(lines(diffWorlds(exporting(before), exporting(after)))).toEqual(expected);
    });
  }

  it('is compared with its version of the same compatible range', () => {
    expect(diffWorlds(exporting('a: func();'), exporting('a: func();', '1.9.0'))).toEqual([]);
  });

  it('in a new major version is no counterpart', () => {
    expect(lines(diffWorlds(exporting('a: func();'), exporting('a: func();', '2.0.0')))).toEqual([
      'breaking package-major-changed acme:img/resize@1.2.0: acme:img/resize@1.2.0 -> acme:img/resize@2.0.0',
    ]);
  });
});

describe('a resource of another interface', () => {
  const packageOf = (world: string): string =>
    `package acme:img@1.0.0; interface store { resource image { size: func() -> u32; } }
     interface resize { use store.{image}; scale: func(of: borrow<image>); } world w { ${world} }`;
  const apart = (before: string, after: string): readonly InterfaceChange[] =>
    diffWorlds(worldOf(packageOf(before)), worldOf(packageOf(after)));
  const breaking = (changes: readonly InterfaceChange[]): string[] =>
    lines(changes.filter(({ severity }) => severity === 'breaking'));

  it('is another one for callers once its interface moves from the imports to the exports', () => {
    expect(breaking(apart('import store; export resize;', 'export store; export resize;'))).toEqual([
      'breaking type-changed acme:img/resize@1.0.0#type(image): resource image of the imported acme:img/store@1.0.0 -> resource image of the exported acme:img/store@1.0.0',
    ]);
  });

  it('stays what it is while the interface that uses it takes it from the same side', () => {
    expect(apart('import store; export resize;', 'import store; export resize;')).toEqual([]);
    expect(hasBreaking(apart('import resize;', 'import resize; export store;'))).toBe(false);
  });

  it('is another one for hosts of a world that lets its interface be imported', () => {
    const [before, after] = ['export store; export resize;', 'export resize;'].map(
      (world) => readWit(packageOf(world)).root,
    );
    if (before === undefined || after === undefined) throw new Error('there are two packages');
    expect(breaking(diffPackages(before, after))).toEqual([
      'breaking type-changed acme:img/resize@1.0.0#type(image): resource image of the exported acme:img/store@1.0.0 -> resource image of the imported acme:img/store@1.0.0',
    ]);
  });
});

describe('imports', () => {
  const importing = (items: string): WitWorld =>
    worldOf(
      `package acme:img@1.0.0; interface log { write: func(); } interface disk { read: func(); } world w { ${items} }`,
    );

  it('that are new break a host which does not have them', () => {
    expect(lines(diffWorlds(importing('import log;'), importing('import log; import disk;')))).toEqual([
      'breaking import-added acme:img/disk@1.0.0: - -> acme:img/disk@1.0.0',
    ]);
  });

  it('that are new are additive where the host has them', () => {
    const satisfies = (id: string): boolean => id === 'acme:img/disk@1.0.0';
    expect(lines(diffWorlds(importing(''), importing('import disk;'), { satisfies }))).toEqual([
      'additive import-added acme:img/disk@1.0.0: - -> acme:img/disk@1.0.0',
    ]);
  });

  it('that are gone are only worth knowing', () => {
    expect(lines(diffWorlds(importing('import log;'), importing('')))).toEqual([
      'info import-removed acme:img/log@1.0.0: acme:img/log@1.0.0 -> -',
    ]);
  });

  it('that ask for one more function break', () => {
    const asking = (functions: string): WitWorld =>
      worldOf(`package acme:img@1.0.0; interface log { ${functions} } world w { import log; }`);
    expect(lines(diffWorlds(asking('a: func();'), asking('a: func(); b: func();')))).toEqual([
      'breaking function-added acme:img/log@1.0.0#b: - -> func()',
    ]);
    expect(lines(diffWorlds(asking('a: func(); b: func();'), asking('a: func();')))).toEqual([
      'info function-removed acme:img/log@1.0.0#b: func() -> -',
    ]);
  });
});
