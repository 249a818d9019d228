import { describe, expect, it } from 'vitest';
import type { ModuleExtern } from '@hotswap/core';
import { diffCoreModules, diffModules, hasBreaking, type ModuleShape } from '@hotswap/interfaces';

const func = (name: string, type: string): ModuleExtern => ({ name, kind: 'function', type });
const memory = (type: string): ModuleExtern => ({ name: 'memory', kind: 'memory', type: `${type} pages of 64 KiB` });
const exporting = (...exports: ModuleExtern[]): { imports: ModuleExtern[]; exports: ModuleExtern[] } => ({
  imports: [],
  exports,
});
const importing = (...imports: ModuleExtern[]): { imports: ModuleExtern[]; exports: ModuleExtern[] } => ({
  imports,
  exports: [],
});

describe('exports of core modules', () => {
  it('with another type break', () => {
    const changes = diffCoreModules(
      exporting(func('add', '(i32, i32) -> i32')),
      exporting(func('add', '(i64, i64) -> i64')),
    );
    expect(changes).toEqual([
      {
        severity: 'breaking',
        kind: 'extern-changed',
        direction: 'export',
        path: '#add',
        before: 'function (i32, i32) -> i32',
        after: 'function (i64, i64) -> i64',
      },
    ]);
  });

  it('that are gone break, and more of them do not', () => {
    const one = exporting(func('add', '()'));
    const two = exporting(func('add', '()'), func('sub', '()'));
    expect(diffCoreModules(two, one).map(({ severity, kind, path }) => [severity, kind, path])).toEqual([
      ['breaking', 'function-removed', '#sub'],
    ]);
    expect(hasBreaking(diffCoreModules(one, two))).toBe(false);
  });

  it.each([
    ['at least 1', 'at least 2', false],
    ['at least 2', 'at least 1', true],
    ['1 to 10', '1 to 5', false],
    ['1 to 5', '1 to 10', true],
    ['1 to 5', 'at least 1', true],
    ['at least 1', '1 to 5', false],
  ])('a memory of %s replaced by one of %s: breaking %s', (before, after, breaking) => {
    expect(hasBreaking(diffCoreModules(exporting(memory(before)), exporting(memory(after))))).toBe(breaking);
    // What an import asks for goes the other way.
    expect(hasBreaking(diffCoreModules(importing(memory(after)), importing(memory(before))))).toBe(breaking);
  });

  it('a memory of another width breaks', () => {
    const wide = { ...memory('at least 1'), type: 'at least 1 pages of 64 KiB, 64-bit' };
    expect(hasBreaking(diffCoreModules(exporting(memory('at least 1')), exporting(wide)))).toBe(true);
  });
});

describe('imports of core modules', () => {
  it('that are new break unless the host has them', () => {
    const after = importing(func('env.log', '(i32)'));
    expect(hasBreaking(diffCoreModules(importing(), after))).toBe(true);
    expect(hasBreaking(diffCoreModules(importing(), after, { satisfies: () => true }))).toBe(false);
  });
});

it('a component in place of a core module breaks', () => {
  const core: ModuleShape = { kind: 'core', imports: [], exports: [], functions: [{ name: 'add', params: [] }] };
  const component: ModuleShape = { kind: 'component', imports: [], exports: [], functions: [] };
  expect(diffModules(core, component).map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    'kind-changed #',
    'function-removed #add',
  ]);
});
