import { describe, expect, it } from 'vitest';
import {
  createMemoryJournalStoreRig,
  journalStoreSuite,
  MemoryModuleStore,
  MemoryPolicyStore,
  moduleStoreSuite,
  policyStoreSuite,
  runtimeHostSuite,
  schedulerSuite,
  V8RuntimeHost,
  VirtualScheduler,
  VirtualTime,
} from '@hotswap/testing';
import { readWasmSections } from '../src/fakes/wasm-sections.ts';
import { bytesOf, commandModule, coreModule, importingModule } from '../src/suites/runtime-host/contract-modules.ts';

const nothing = async (): Promise<void> => {};

describe('MemoryJournalStore', () => {
  journalStoreSuite({ test: it, create: createMemoryJournalStoreRig });
});

describe('MemoryModuleStore', () => {
  moduleStoreSuite({
    test: it,
    create: async () => ({ store: new MemoryModuleStore(), [Symbol.asyncDispose]: nothing }),
  });
});

describe('MemoryPolicyStore', () => {
  policyStoreSuite({
    test: it,
    create: async () => {
      const store = new MemoryPolicyStore();
      return { store, other: store, [Symbol.asyncDispose]: nothing };
    },
  });
});

describe('VirtualScheduler', () => {
  schedulerSuite({
    test: it,
    create: async () => {
      const time = new VirtualTime();
      return {
        scheduler: new VirtualScheduler(time),
        now: () => time.now(),
        letPass: (ms) => time.advance(ms),
        patienceMs: 10_000,
        [Symbol.asyncDispose]: nothing,
      };
    },
  });
});

describe('V8RuntimeHost', () => {
  runtimeHostSuite({ test: it, create: async () => ({ host: new V8RuntimeHost(), [Symbol.asyncDispose]: nothing }) });
});

describe('defineSuite', () => {
  it('refuses to skip a clause that it does not have', () => {
    expect(() =>
      moduleStoreSuite({
        test: () => {},
        create: async () => ({ store: new MemoryModuleStore(), [Symbol.asyncDispose]: nothing }),
        skip: [{ test: 'no such clause', reason: 'none' }],
      }),
    ).toThrow('no such clause');
  });

  it('leaves out what is skipped', () => {
    const all: string[] = [];
    const create = async () => ({ store: new MemoryModuleStore(), [Symbol.asyncDispose]: nothing });
    moduleStoreSuite({ test: (name) => all.push(name), create });
    const some: string[] = [];
    moduleStoreSuite({ test: (name) => some.push(name), create, skip: [{ test: all[0] ?? '', reason: 'an example' }] });
    expect(some).toEqual(all.slice(1));
  });
});

describe('modules of the runtime suite', () => {
  it.each([
    ['core', coreModule],
    ['command', commandModule],
    ['importing', importingModule],
  ] as const)('%s exports what its text says', (_, module) => {
    const written = [...module.wat.matchAll(/\(export "([^"]+)"\)/g)].map(([, name]) => name);
    expect(readWasmSections(bytesOf(module)).exports.map(({ name }) => name)).toEqual(written);
  });
});
