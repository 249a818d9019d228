import { z } from 'zod';
import { instantOf } from '../model/instant-text.ts';
import { offPeakWindowsSchema, type OffPeakWindow } from '../model/off-peak-window.ts';
import { approvalRuleSchema, type ApprovalRule } from './approval-rule.ts';

/** Environments that a server can be of. @public */
export const deploymentEnvironments = ['Development', 'Staging', 'Production'] as const;

/** @see {@link deploymentEnvironments} @public */
export type DeploymentEnvironment = (typeof deploymentEnvironments)[number];

/** Rules by environment; `*` is for each that has none of its own. @public */
export type ByEnvironment<Rule> = Readonly<Partial<Record<DeploymentEnvironment | '*', Rule>>>;

/** A time in which no deployment begins. @public */
export interface PolicyFreeze {
  /** RFC 3339 in UTC; the moment itself is frozen. */
  readonly from: string;
  /** The moment itself is not frozen any more. */
  readonly until: string;
  /** Shown to whoever is refused. */
  readonly reason: string;
  /** Default: every environment. */
  readonly environments?: readonly DeploymentEnvironment[];
}

/** What a tenant's admins have laid down for its deployments. @public */
export interface Policy {
  /** Approvals that deployments need, beside what the server's own configuration asks for. Default none. */
  readonly approvals: ByEnvironment<ApprovalRule>;
  /** Times in which deployments may begin, by the clocks of a place. Default: at any time. */
  readonly changeWindows: ByEnvironment<readonly OffPeakWindow[]>;
  /** Default none. */
  readonly freezes: readonly PolicyFreeze[];
}

/** The policy of whoever has not set one. @public */
export const noPolicy: Policy = { approvals: {}, changeWindows: {}, freezes: [] };

/** The rule of an environment: its own, else the one for all. @public */
export function forEnvironment<Rule>(rules: ByEnvironment<Rule>, environment: DeploymentEnvironment): Rule | undefined {
  return rules[environment] ?? rules['*'];
}

const byEnvironment = <Rule>(rule: z.ZodType<Rule, unknown>): z.ZodType<ByEnvironment<Rule>, unknown> => {
  const one = rule.exactOptional();
  return z.strictObject({ Development: one, Staging: one, Production: one, '*': one });
};

const freeze: z.ZodType<PolicyFreeze, unknown> = z
  .strictObject({
    from: z.iso.datetime(),
    until: z.iso.datetime(),
    reason: z.string().trim().min(1).max(500),
    environments: z.array(z.enum(deploymentEnvironments)).min(1).max(3).readonly().exactOptional(),
  })
  .superRefine(({ from, until, environments = [] }, context) => {
    if (instantOf(until) <= instantOf(from))
      context.addIssue({ code: 'custom', path: ['until'], message: 'must be later than from' });
    environments.forEach((environment, index) => {
      if (environments.indexOf(environment) < index)
        context.addIssue({ code: 'custom', path: ['environments', index], message: `names ${environment} twice` });
    });
  });

/** Members of a policy as they are read; what is absent is none. @public */
export const policyShape: {
  readonly approvals: z.ZodType<Policy['approvals'], unknown>;
  readonly changeWindows: z.ZodType<Policy['changeWindows'], unknown>;
  readonly freezes: z.ZodType<Policy['freezes'], unknown>;
} = {
  approvals: byEnvironment(approvalRuleSchema).default({}),
  changeWindows: byEnvironment(offPeakWindowsSchema).default({}),
  freezes: z.array(freeze).max(100).readonly().default([]),
};

/** Reads a policy; unknown members are refused. @public */
export const policySchema: z.ZodType<Policy, unknown> = z.strictObject(policyShape);
