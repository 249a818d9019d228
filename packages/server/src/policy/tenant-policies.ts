import {
  approversBesides,
  changeRefusal,
  changeRefusedError,
  changeRulesOf,
  forEnvironment,
  hotSwapError,
  noPolicy,
  type ApprovalRule,
  type ChangeRefusal,
  type ChangeRules,
  type DeploymentSpec,
  type Instant,
  type Policy,
  type PolicyStore,
  type StoredPolicy,
} from '@hotswap/core';
import type { SimulationResult } from '@hotswap/protocol';
import type { ServerConfig } from '../config/schema.ts';

/** What a deployment needs besides its tenant's policy. @internal */
export interface ApprovalQuestion {
  readonly tenant: string;
  readonly deploymentId: string;
  readonly author: string;
  /** Whether the server itself wants somebody else to look at it, whatever the policy says. */
  readonly isRequired: boolean;
}

/**
 * Policies of tenants, as they hold in this server's environment. Read from the store each time: a change by another
 * server holds at once.
 * @internal
 */
export class TenantPolicies {
  readonly #store: PolicyStore;
  readonly #environment: ServerConfig['environment'];

  constructor(store: PolicyStore, { environment }: Pick<ServerConfig, 'environment'>) {
    this.#store = store;
    this.#environment = environment;
  }

  /** Revision 0 while none was ever set. */
  async read(tenant: string): Promise<StoredPolicy> {
    return (await this.#store.find(tenant)) ?? { revision: 0, policy: noPolicy };
  }

  /** @see {@link PolicyStore.replace} */
  replace(...change: Parameters<PolicyStore['replace']>): ReturnType<PolicyStore['replace']> {
    return this.#store.replace(...change);
  }

  /** `null`: deployments may begin at any time. */
  async changeRules(tenant: string): Promise<ChangeRules | null> {
    return changeRulesOf((await this.read(tenant)).policy, this.#environment);
  }

  /** Why a deployment could not begin at a moment; `null`: it could. */
  async refusal(spec: Pick<DeploymentSpec, 'tenant' | 'undoes'>, at: Instant): Promise<ChangeRefusal | null> {
    const rules = spec.undoes === undefined ? await this.changeRules(spec.tenant) : null;
    return rules && changeRefusal(rules, at);
  }

  /** What a plan says of an execution that would be refused. */
  async foretold(
    spec: Pick<DeploymentSpec, 'tenant' | 'deploymentId' | 'undoes'>,
    at: Instant,
  ): Promise<Pick<SimulationResult, 'executeRefusal'>> {
    const refusal = await this.refusal(spec, at);
    if (refusal === null) return {};
    const { code, message } = changeRefusedError(refusal, spec.deploymentId);
    const allowedAt = new Date(refusal.allowedAt).toISOString();
    return { executeRefusal: { code, detail: message, allowedAt } };
  }

  /**
   * What a new deployment's spec says of approvals. The rule is frozen with it: a policy that changes later holds for
   * deployments that are created later.
   * @throws HS_DEPLOYMENT_TOO_FEW_APPROVERS when its author leaves too few
   */
  async approvalsOf({
    tenant,
    deploymentId,
    author,
    isRequired,
  }: ApprovalQuestion): Promise<Pick<DeploymentSpec, 'requireApproval' | 'approvals'>> {
    const found = this.ruleOf((await this.read(tenant)).policy);
    if (found === undefined) return { requireApproval: isRequired };
    // Where the server wants somebody else to look at it, a policy does not lift that.
    const { allowAuthor, ...others } = found;
    const rule: ApprovalRule = allowAuthor === true && !isRequired ? found : others;
    const left = approversBesides(rule, author);
    if (left !== null && left < rule.required)
      throw hotSwapError('HS_DEPLOYMENT_TOO_FEW_APPROVERS', { deploymentId, author, required: rule.required, left });
    return { requireApproval: true, approvals: rule };
  }

  /** The rule of this environment. */
  ruleOf({ approvals }: Policy): ApprovalRule | undefined {
    return forEnvironment(approvals, this.#environment);
  }
}
