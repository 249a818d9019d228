import { canonicalJson, type Json } from '../model/json.ts';
import type { Policy } from './policy.ts';

/** One rule that is other than before. @public */
export interface PolicyChange {
  /** JSON pointer into the policy; a freeze has no name, so it is `/freezes`. */
  readonly pointer: string;
  /** `null`: there was none. */
  readonly before: Json;
  /** `null`: there is none any more. */
  readonly after: Json;
}

/** What is to go on record of a change; empty: it says the same. @public */
export function policyChanges(before: Policy, after: Policy): readonly PolicyChange[] {
  return [
    ...(['approvals', 'changeWindows'] as const).flatMap((section) => ruleChanges(section, before, after)),
    ...without(before.freezes, after.freezes).map((gone) => ({ pointer: '/freezes', before: gone, after: null })),
    ...without(after.freezes, before.freezes).map((added) => ({ pointer: '/freezes', before: null, after: added })),
  ];
}

function ruleChanges(section: 'approvals' | 'changeWindows', before: Policy, after: Policy): readonly PolicyChange[] {
  const [old, now] = [before[section], after[section]] as readonly Readonly<Record<string, unknown>>[];
  return [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])]
    .sort()
    .map((environment) => ({
      pointer: `/${section}/${environment}`,
      before: (old?.[environment] ?? null) as Json,
      after: (now?.[environment] ?? null) as Json,
    }))
    .filter((change) => canonicalJson(change.before) !== canonicalJson(change.after));
}

function without(all: Policy['freezes'], others: Policy['freezes']): readonly Json[] {
  const known = new Set(others.map((freeze) => canonicalJson(freeze)));
  return all.filter((freeze) => !known.has(canonicalJson(freeze))) as unknown as readonly Json[];
}
