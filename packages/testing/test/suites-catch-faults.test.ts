import { describe, expect, it } from 'vitest';
import {
  createMemoryJournalStoreRig,
  fanOutSuite,
  journalStoreSuite,
  MemoryModuleStore,
  moduleStoreSuite,
  policyStoreSuite,
  rateCounterSuite,
  runtimeHostSuite,
  schedulerSuite,
  strategySuite,
  V8RuntimeHost,
  type SuiteOptions,
} from '@hotswap/testing';
import { fanOutFaults, fanOutRig } from './faults/fan-out-faults.ts';
import { brokenJournalStoreRig, journalStoreFaults } from './faults/journal-store-faults.ts';
import { brokenModuleStore, moduleStoreFaults } from './faults/module-store-faults.ts';
import { policyStoreFaults, policyStoreRig } from './faults/policy-store-faults.ts';
import { rateCounterFaults, rateCounterRig } from './faults/rate-counter-faults.ts';
import { brokenRuntimeHost, runtimeHostFaults } from './faults/runtime-host-faults.ts';
import { brokenSchedulerRig, schedulerFaults } from './faults/scheduler-faults.ts';
import { plainStrategy, strategyFaults, strategyRig } from './faults/strategy-faults.ts';

const nothing = async (): Promise<void> => {};

/** The clauses of a suite over a rig, by name. */
function clausesOf<Rig extends AsyncDisposable>(
  suite: (options: SuiteOptions<Rig>) => void,
  create: () => Promise<Rig>,
): ReadonlyMap<string, () => Promise<void>> {
  const clauses = new Map<string, () => Promise<void>>();
  suite({ test: (name, run) => clauses.set(name, run), create });
  return clauses;
}

/** Each clause has a fault that it catches, and no fault is without its clause. */
function catches<Rig extends AsyncDisposable, Fault>(
  suite: (options: SuiteOptions<Rig>) => void,
  sound: () => Promise<Rig>,
  faults: Readonly<Record<string, Fault>>,
  broken: (fault: Fault) => Promise<Rig>,
): void {
  it('has a fault for every clause', () => {
    expect(Object.keys(faults).sort()).toEqual([...clausesOf(suite, sound).keys()].sort());
  });

  it.each(Object.entries(faults))('catches what breaks "%s"', async (name, fault) => {
    await clausesOf(suite, sound).get(name)?.();
    await expect(clausesOf(suite, () => broken(fault)).get(name)?.()).rejects.toThrow();
  });
}

describe('the journal store suite', () => {
  catches(journalStoreSuite, createMemoryJournalStoreRig, journalStoreFaults, brokenJournalStoreRig);
});

describe('the module store suite', () => {
  const rig = (store: ReturnType<typeof brokenModuleStore>) => ({ store, [Symbol.asyncDispose]: nothing });
  catches(
    moduleStoreSuite,
    async () => rig(new MemoryModuleStore()),
    moduleStoreFaults,
    async (fault) => rig(brokenModuleStore(fault)),
  );
});

describe('the scheduler suite', () => {
  catches(
    schedulerSuite,
    async () => brokenSchedulerRig(() => ({})),
    schedulerFaults,
    async (fault) => brokenSchedulerRig(fault),
  );
});

describe('the rate counter suite', () => {
  catches(rateCounterSuite, rateCounterRig, rateCounterFaults, rateCounterRig);
});

describe('the policy store suite', () => {
  catches(policyStoreSuite, policyStoreRig, policyStoreFaults, policyStoreRig);
});

describe('the fan-out suite', () => {
  catches(fanOutSuite, fanOutRig, fanOutFaults, fanOutRig);
});

describe('the runtime suite', () => {
  const rig = (host: ReturnType<typeof brokenRuntimeHost>) => ({ host, [Symbol.asyncDispose]: nothing });
  catches(
    runtimeHostSuite,
    async () => rig(new V8RuntimeHost()),
    runtimeHostFaults,
    async (fault) => rig(brokenRuntimeHost(fault)),
  );
});

describe('the strategy suite', () => {
  catches(
    strategySuite,
    async () => strategyRig(plainStrategy()),
    strategyFaults,
    async (fault) => fault(),
  );
});
