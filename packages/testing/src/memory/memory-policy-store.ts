import { canonicalJson, type Policy, type PolicyStore, type StoredPolicy } from '@hotswap/core';

/**
 * Policies in memory, for tests and for embedding without a database. Keeps no record of changes.
 * @public
 */
export class MemoryPolicyStore implements PolicyStore {
  /** As JSON by tenant: what is read back must not be what a caller still holds. */
  readonly #policies = new Map<string, { readonly revision: number; readonly text: string }>();

  async find(tenant: string): Promise<StoredPolicy | null> {
    const kept = this.#policies.get(tenant);
    return kept ? { revision: kept.revision, policy: JSON.parse(kept.text) as Policy } : null;
  }

  async replace(tenant: string, revision: number, policy: Policy): Promise<StoredPolicy | null> {
    if ((this.#policies.get(tenant)?.revision ?? 0) !== revision) return null;
    this.#policies.set(tenant, { revision: revision + 1, text: canonicalJson(policy) });
    return this.find(tenant);
  }
}
