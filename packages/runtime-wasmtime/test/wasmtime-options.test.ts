import { isHotSwapError } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../src/wasmtime-options.ts';

describe('options of wasmtime()', () => {
  it('fills the documented defaults', () => {
    expect(resolveOptions({ cacheDirectory: false })).toEqual({
      cacheDirectory: false,
      compile: 'in-process',
      maxModuleBytes: 52_428_800,
      maxPendingCallsPerModule: 1_000,
      syncTimeoutMs: 100,
      experimental: [],
      engine: {},
    });
  });

  it('hands on only what is set for the engine', () => {
    expect(resolveOptions({ cacheDirectory: '/x', poolSlots: 0, trapMode: 'explicit' }).engine).toEqual({
      poolSlots: 0,
      trapMode: 'explicit',
    });
  });

  it.each([
    ['poolSlots', -1],
    ['poolSlots', 1.5],
    ['workerThreads', 0],
    ['syncTimeoutMs', 1_001],
    ['maxModuleBytes', NaN],
    ['cacheDirectory', 'relative'],
    ['trapMode', 'loud'],
    ['workers', 2],
    ['experimental', ['preview4']],
    ['experimental', 'preview3'],
  ])('refuses %s = %s with HS_RUNTIME_INVALID_OPTIONS', (option, value) => {
    try {
      resolveOptions({ [option]: value });
      expect.unreachable();
    } catch (error) {
      expect(isHotSwapError(error, 'HS_RUNTIME_INVALID_OPTIONS') && error.details['option']).toBe(option);
    }
  });
});
