import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { diffWit, missingPackages, packageOf, readWit, typeText } from '@hotswap/interfaces';

const rich = readFileSync(new URL('fixtures/rich.wit', import.meta.url), 'utf8');

describe('readWit', () => {
  it('reads everything that WIT has', () => {
    const { root, packages } = readWit(rich);
    expect([root.name, root.version, [...packages.keys()]]).toEqual([
      'acme:rich',
      '1.2.0-rc.1',
      ['acme:rich@1.2.0-rc.1', 'wasi:io@0.2.3'],
    ]);
    const types = root.interfaces.get('types');
    expect([...(types?.types.keys() ?? [])]).toEqual([
      ...['input-stream', 'sink', 'size', 'shape', 'level', 'rights', 'name', 'fixed', 'image'],
    ]);
    expect([...(types?.functions.keys() ?? [])]).toEqual([
      ...['[constructor]image', '[method]image.width', '[static]image.open', '[method]image.pipe'],
      ...['draw', 'index', 'list', 'own-it'],
    ]);
    expect(types?.functions.get('[method]image.pipe')?.isAsync).toBe(true);
    expect(types?.functions.get('draw')?.deprecatedSince).toBe('1.2.0');
    expect(types?.functions.get('index')?.result).toMatchObject({ kind: 'map' });
  });

  it('elaborates worlds: included ones, and interfaces whose types are used', () => {
    const app = readWit(rich).root.worlds.get('app');
    expect([...(app?.imports.keys() ?? [])].toSorted()).toEqual(
      ['acme:rich/types@1.2.0-rc.1', 'config', 'local', 'print', 'size', 'wasi:io/streams@0.2.3'].toSorted(),
    );
    expect([...(app?.exports.keys() ?? [])]).toEqual(['acme:rich/more@1.2.0-rc.1', 'label', 'run']);
  });

  it('finds no change in a text against itself', () => {
    expect(diffWit(rich, rich)).toEqual([]);
  });

  it('prints types as WIT does', () => {
    const text = 'interface a { f: func(x: result<_, list<tuple<option<u8>, string>>>) -> stream<char>; }';
    const f = readWit(text).root.interfaces.get('a')?.functions.get('f');
    expect(f?.params.map(({ type }) => typeText(type))).toEqual(['result<_, list<tuple<option<u8>, string>>>']);
    expect(f?.result).toEqual({ kind: 'stream', item: { kind: 'plain', name: 'char' } });
  });

  it('takes packages from dependencies, and names those that are missing', () => {
    const text = 'package a:b@1.0.0; interface i { use c:d/e@2.0.0.{t}; f: func(x: t); }';
    expect(packageOf(text)).toEqual({ name: 'a:b', version: '1.0.0' });
    expect(missingPackages(text)).toEqual(['c:d@2.0.0']);
    expect(() => readWit(text)).toThrow('c:d@2.0.0');
    const dependencies = ['package c:d@2.0.0; interface e { type t = u8; }'];
    expect(readWit(text, { dependencies }).root.interfaces.has('i')).toBe(true);
  });

  it.each([
    ['interface a {\n  f: func(x: nope);\n}', 2, 14, 'there is no type nope here'],
    ['interface a { f: func() }', 1, 25, '`;` is expected here, not `}`'],
    ['interface Foo {}', 1, 11, 'Foo is no name'],
    ['interface a { record r { x: u8, x: u8 } }', 1, 33, 'there are two fields x'],
    ['interface a { f: func(); f: func(); }', 1, 26, 'there are two functions f'],
    ['interface a { f: func(x: borrow<t>); type t = u8; }', 1, 33, 't is no resource'],
    ['interface a { @nope(version = 1.0.0) f: func(); }', 1, 16, 'there is no attribute @nope'],
    ['package a:b@1.0; interface a {}', 1, 13, 'a version such as 1.2.0 is expected here'],
    ['interface a { type t = u8 $ }', 1, 27, 'has no place in WIT'],
  ])('says where %j is wrong', (text, line, column, why) => {
    expect(() => readWit(text)).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({ line, column, why: expect.stringContaining(why) as string }) as object,
      }) as Error,
    );
  });
});
