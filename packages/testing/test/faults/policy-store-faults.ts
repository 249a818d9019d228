import { noPolicy, type Policy, type PolicyStore, type StoredPolicy } from '@hotswap/core';
import type { PolicyStoreRig } from '@hotswap/testing';

/** The smallest store that keeps the contract, with a place for each fault. */
interface Options {
  readonly change?: (policy: Policy, before: Policy) => Policy;
  readonly keyOf?: (tenant: string) => string;
  readonly accepts?: (kept: number, revision: number) => boolean;
  readonly late?: boolean;
  readonly apart?: boolean;
  readonly shared?: boolean;
}

/** For each clause of the suite a store that breaks it. */
export const policyStoreFaults: Readonly<Record<string, Options>> = {
  'has none until one is set, and then that one as it was': {
    change: (policy) => ({ ...policy, freezes: policy.freezes.map((freeze) => ({ ...freeze, reason: '' })) }),
  },
  'replaces the whole of it, one revision after the other': { change: (policy, before) => merged(before, policy) },
  'changes nothing for whoever has not seen the latest': { accepts: () => true },
  'keeps one for each tenant': { keyOf: () => 'one for all' },
  'is the same for two servers': { apart: true },
  'lets one of many through who change the same revision at once': { late: true },
  'does not change with what was given or read': { shared: true },
};

const merged = (before: Policy, { approvals, changeWindows, freezes }: Policy): Policy => ({
  approvals: { ...before.approvals, ...approvals },
  changeWindows: { ...before.changeWindows, ...changeWindows },
  freezes: [...before.freezes, ...freezes],
});

function storeOf(kept: Map<string, StoredPolicy>, options: Options): PolicyStore {
  const { change = (policy) => policy, keyOf = (tenant) => tenant } = options;
  const { accepts = (known, revision) => known === revision } = options;
  const own = (stored: StoredPolicy): StoredPolicy => (options.shared === true ? stored : structuredClone(stored));
  const find = (tenant: string): StoredPolicy | undefined => kept.get(keyOf(tenant));
  return {
    find: (tenant) => {
      const found = find(tenant);
      return Promise.resolve(found ? own(found) : null);
    },
    replace: async (tenant, revision, policy) => {
      const before = find(tenant);
      if (!accepts(before?.revision ?? 0, revision)) return null;
      if (options.late === true) await Promise.resolve();
      const next = { revision: revision + 1, policy: change(policy, before?.policy ?? noPolicy) };
      kept.set(keyOf(tenant), own(next));
      return own(next);
    },
  };
}

/** A rig over the sound store, or over one with a fault. */
export function policyStoreRig(options: Options = {}): Promise<PolicyStoreRig> {
  const kept = new Map<string, StoredPolicy>();
  return Promise.resolve({
    store: storeOf(kept, options),
    other: storeOf(options.apart === true ? new Map<string, StoredPolicy>() : kept, options),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
