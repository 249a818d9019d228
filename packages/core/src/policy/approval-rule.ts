import { z } from 'zod';
import { durationMs, positiveDurationSchema, type Duration } from '../model/duration.ts';

/** Roles that a rule may name. Whoever only reads approves nothing. @public */
export type ApproverRole = 'developer' | 'admin';

/** Who may approve: whoever is named, and whoever has one of the roles. @public */
export interface Approvers {
  /** As journals name them: user names in lower case, `idp:<sub>` for those of an identity provider. */
  readonly users?: readonly string[];
  readonly roles?: readonly ApproverRole[];
}

/** How many of whom have to approve a deployment before it can be executed. @public */
export interface ApprovalRule {
  /** Different approvers that are needed, 1-20. */
  readonly required: number;
  /** Absent: every admin. Admins that it does not name may execute, yet their execution approves nothing. */
  readonly approvers?: Approvers;
  /** Whether the author's own approval counts. Default `false`. */
  readonly allowAuthor?: boolean;
  /** How long each approval can be used, PT24H at most. Default: one hour, as without a rule. */
  readonly validFor?: Duration;
}

/** What a deployment says of approvals. @public */
export interface ApprovalNeed {
  /** Whether somebody has to approve it at all. */
  readonly requireApproval?: boolean;
  readonly approvals?: ApprovalRule;
}

/** Somebody who approves or executes. @public */
export interface ApprovalActor {
  readonly subject: string;
  /** Role the caller has; absent where none is known, and then no rule's roles fit. */
  readonly role?: string;
}

const mostRequired = 20;
const longestValidMs = 24 * 3_600_000;

/** User names are kept in lower case; the subjects of an identity provider are as it writes them. */
const user = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .overwrite((name) => (name.includes(':') ? name : name.toLowerCase()));

const approvers: z.ZodType<Approvers, unknown> = z
  .strictObject({
    users: z.array(user).min(1).max(100).readonly().exactOptional(),
    roles: z
      .array(z.enum(['developer', 'admin']))
      .min(1)
      .max(2)
      .readonly()
      .exactOptional(),
  })
  .superRefine(({ users, roles }, context) => {
    if (users === undefined && roles === undefined)
      context.addIssue({ code: 'custom', message: 'names nobody: give users, roles or both, or leave it out' });
    for (const [list, names] of Object.entries({ users, roles }))
      names?.forEach((name, index) => {
        if ((names as readonly string[]).indexOf(name) < index)
          context.addIssue({ code: 'custom', path: [list, index], message: `names ${name} twice` });
      });
  });

/** Members of a rule as they are read. @public */
export const approvalRuleShape: {
  readonly required: z.ZodType<number, unknown>;
  readonly approvers: z.ZodExactOptional<z.ZodType<Approvers, unknown>>;
  readonly allowAuthor: z.ZodExactOptional<z.ZodType<boolean, unknown>>;
  readonly validFor: z.ZodExactOptional<z.ZodType<Duration, unknown>>;
} = {
  required: z.int().min(1).max(mostRequired),
  approvers: approvers.exactOptional(),
  allowAuthor: z.boolean().exactOptional(),
  validFor: positiveDurationSchema
    .refine((text) => durationMs(text) <= longestValidMs, {
      error: 'must be PT24H at most: a deployment that nobody executes is cancelled after a day',
    })
    .exactOptional(),
};

/** Reads a rule; one that needs more approvals than it names approvers is refused at `required`. @public */
export const approvalRuleSchema: z.ZodType<ApprovalRule, unknown> = z
  .strictObject(approvalRuleShape)
  .superRefine((rule, context) => {
    const named = namedApprovers(rule);
    if (named !== null && rule.required > named.length)
      context.addIssue({
        code: 'custom',
        path: ['required'],
        message: `must not be more than the ${String(named.length)} that may approve`,
      });
  });

/** All that may approve, when the rule names them one by one; `null` when it names roles, or nobody. */
function namedApprovers({ approvers: who }: ApprovalRule): readonly string[] | null {
  return who === undefined || who.roles !== undefined ? null : (who.users ?? []);
}

/** Approvals that a deployment needs: 0 without any, 1 where somebody else has to look at it and no rule says more. @public */
export function requiredApprovals({ requireApproval, approvals }: ApprovalNeed): number {
  return requireApproval === true ? (approvals?.required ?? 1) : 0;
}

/**
 * Whether somebody is among those whose approval counts, the author aside. Without a rule that names any: an admin, which
 * whoever hands the command over has to see to where no role is given.
 * @public
 */
export function isApprover({ approvals }: ApprovalNeed, { subject, role }: ApprovalActor): boolean {
  const who = approvals?.approvers;
  if (who === undefined) return role === undefined || role === 'admin';
  return who.users?.includes(subject) === true || who.roles?.some((known) => known === role) === true;
}

/** Whether the author's approval counts. @internal */
export function mayAuthorApprove({ approvals }: ApprovalNeed): boolean {
  return approvals?.allowAuthor === true;
}

/** Approvers that a rule leaves for a deployment of an author; `null`: as many as have a role. @public */
export function approversBesides(rule: ApprovalRule, author: string): number | null {
  const named = namedApprovers(rule);
  return named === null ? null : named.filter((name) => rule.allowAuthor === true || name !== author).length;
}
