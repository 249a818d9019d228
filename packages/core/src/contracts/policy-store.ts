import type { PolicyChange } from '../policy/policy-changes.ts';
import type { Policy } from '../policy/policy.ts';

/** A tenant's policy as it is kept. @public */
export interface StoredPolicy {
  /** From 1; rises with each change. */
  readonly revision: number;
  readonly policy: Policy;
}

/** Keeps one policy for each tenant. @public */
export interface PolicyStore {
  /** `null`: the tenant has set none. */
  find(tenant: string): Promise<StoredPolicy | null>;
  /**
   * Puts a policy in the place of the one at that revision (0: of none). `changes` go on record with it where the store keeps
   * such a record. `null`: another revision is there by now, and nothing was changed.
   */
  replace(
    tenant: string,
    revision: number,
    policy: Policy,
    changes: readonly PolicyChange[],
  ): Promise<StoredPolicy | null>;
}
