import { describe, expect, it } from 'vitest';
import type { ModuleDescription as NativeDescription, WitType } from '../binding.d.ts';
import { describeModule } from '../src/describe-module.ts';
import { witTypeText } from '../src/wit-type-text.ts';

const f64: WitType = { kind: 'f64' };
const text: WitType = { kind: 'string' };

describe('witTypeText', () => {
  it.each<[WitType, string]>([
    [{ kind: 'list', element: { kind: 'u8' } }, 'list<u8>'],
    [{ kind: 'list', element: f64, length: 3 }, 'list<f64, 3>'],
    [{ kind: 'map', key: text, value: f64 }, 'map<string, f64>'],
    [{ kind: 'tuple', items: [f64, text] }, 'tuple<f64, string>'],
    [
      {
        kind: 'record',
        name: 'point',
        fields: [
          { name: 'x', type: f64 },
          { name: 'full-name', type: text },
        ],
      },
      'record { x: f64, full-name: string }',
    ],
    [{ kind: 'variant', cases: [{ name: 'none' }, { name: 'circle', type: f64 }] }, 'variant { none, circle(f64) }'],
    [{ kind: 'enum', cases: ['a', 'b'] }, 'enum { a, b }'],
    [{ kind: 'flags', flags: ['read', 'write'] }, 'flags { read, write }'],
    [{ kind: 'option', some: { kind: 'option', some: f64 } }, 'option<option<f64>>'],
    [{ kind: 'result' }, 'result'],
    [{ kind: 'result', ok: f64 }, 'result<f64>'],
    [{ kind: 'result', err: text }, 'result<_, string>'],
    [{ kind: 'result', ok: f64, err: text }, 'result<f64, string>'],
    [{ kind: 'own', resource: 'counter' }, 'own<counter>'],
    [{ kind: 'borrow', resource: 'counter' }, 'borrow<counter>'],
    [{ kind: 'stream', item: text }, 'stream<string>'],
    [{ kind: 'future' }, 'future'],
    [{ kind: 'ref', text: 'externref' }, 'externref'],
    [{ kind: 'i64' }, 'i64'],
  ])('writes %j as %s', (type, expected) => {
    expect(witTypeText(type)).toBe(expected);
  });
});

describe('describeModule', () => {
  const native: NativeDescription = {
    kind: 'core',
    sizeBytes: 10,
    wasi: 'preview1',
    role: 'command',
    imports: [
      {
        kind: 'function',
        name: 'wasi_snapshot_preview1::fd_write',
        params: [{ name: '', type: { kind: 'i32' } }],
        results: [{ kind: 'i32' }],
        async: false,
      },
    ],
    exports: [
      { kind: 'memory', name: 'memory', minPages: 1, maxPages: 4, shared: false, memory64: false },
      { kind: 'table', name: 'table', element: 'funcref', min: 2 },
      { kind: 'global', name: 'count', type: 'i64', mutable: true },
      {
        kind: 'function',
        name: 'both',
        params: [{ name: 'a', type: { kind: 'i32' } }],
        results: [{ kind: 'i32' }, { kind: 'i64' }],
        async: false,
      },
    ],
    memories: [],
    wit: null,
    producers: [],
  };

  it('gives names and types in the words of the contracts', () => {
    expect(describeModule(native)).toEqual({
      kind: 'core',
      wasiLevel: 'preview1',
      sizeBytes: 10,
      isCommand: true,
      servesHttp: 'command',
      imports: [{ kind: 'function', name: 'wasi_snapshot_preview1.fd_write', type: '(i32) -> i32' }],
      exports: [
        { kind: 'memory', name: 'memory', type: '1 to 4 pages of 64 KiB' },
        { kind: 'table', name: 'table', type: 'at least 2 funcref' },
        { kind: 'global', name: 'count', type: 'mut i64' },
        { kind: 'function', name: 'both', type: '(a: i32) -> (i32, i64)' },
      ],
      functions: [{ name: 'both', params: [{ name: 'a', type: 'i32' }], result: '(i32, i64)' }],
    });
  });

  it('says that a component needs WASI 0.3', () => {
    expect(describeModule({ ...native, kind: 'component', wasi: 'preview3' }).wasiLevel).toBe('preview3');
  });
});
