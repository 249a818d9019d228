import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  compareVersions,
  compatibleRange,
  functionOfPath,
  interfaceNameOf,
  interfaceOfPath,
} from '@hotswap/interfaces';

it.each([
  ['1.2.3', '1'],
  ['0.2.3', '0.2'],
  ['0.0.3', '0.0.3'],
  ['1.0.0-rc.1', '1.0.0-rc.1'],
  ['1.0.0+build-7', '1'],
])('%s is compatible within %s', (version, range) => {
  expect(compatibleRange(version)).toBe(range);
});

it('orders versions as semver does', () => {
  const ordered = [
    '0.0.9',
    '0.1.0',
    '1.0.0-1',
    '1.0.0-2',
    '1.0.0-10',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-beta',
    '1.0.0',
    '1.0.1',
    '1.10.0',
    '2.0.0',
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(ordered, { minLength: ordered.length }), (shuffled) => {
      expect(shuffled.toSorted(compareVersions)).toEqual(ordered);
    }),
  );
});

it('takes paths and ids apart', () => {
  expect(interfaceNameOf('acme:img/resize@1.2.0')).toEqual({ base: 'acme:img/resize', version: '1.2.0' });
  expect(interfaceOfPath('acme:img/resize@1.2.0#scale.param[0:w]')).toBe('acme:img/resize');
  expect(functionOfPath('acme:img/resize@1.2.0#scale.param[0:w].record(size)')).toBe('scale');
  expect(functionOfPath('acme:img/resize@1.2.0#[method]image.width.result')).toBe('[method]image.width');
  expect(functionOfPath('acme:img/resize@1.2.0#type(size).record(size)')).toBeNull();
  expect(functionOfPath('#add')).toBe('add');
});
