import type { JournalEntry } from '@hotswap/core';
import type { StatementAct } from '../database/session.ts';

/** Entries that are somebody's decision; the others are steps that follow from one. */
const decisions: readonly string[] = [
  'created',
  'command',
  'held',
  'freed',
  'turned',
  'closed',
  'lapsed',
] satisfies readonly JournalEntry['type'][];

/**
 * What goes on record of a commit to a journal: its first decision, with the journal's head after it. The head ties the
 * journal to the audit chain: one that was written anew from its beginning does not fit it any more.
 * Values are those of the statement that inserts entries.
 * @internal
 */
export function actOfEntries(values: readonly unknown[]): StatementAct | null {
  const [tenant, deploymentId, seqs, types, , actors, hashes, texts] = values as [
    string,
    string,
    readonly number[],
    readonly string[],
    unknown,
    readonly string[],
    readonly string[],
    readonly string[],
  ];
  const at = types.findIndex((type) => decisions.includes(type));
  if (at < 0) return null;
  const entry = JSON.parse(texts[at] ?? '{}') as JournalEntry;
  const name = entry.type === 'command' ? entry.command : (actions[entry.type] ?? entry.type);
  return {
    tenant,
    action: `deployment.${name}`,
    object: deploymentId,
    facts: { ...factsOf(entry), seq: seqs.at(-1) ?? 0, head: hashes.at(-1) ?? '', entries: [...types] },
    actor: actors[at] ?? '',
  };
}

const actions: Readonly<Partial<Record<JournalEntry['type'], string>>> = {
  created: 'create',
  held: 'hold',
  freed: 'free',
  turned: 'turn',
  closed: 'close',
  lapsed: 'lapse',
};

function factsOf(entry: JournalEntry): { readonly [name: string]: string } {
  switch (entry.type) {
    case 'created':
      return { moduleId: entry.spec.moduleId, releaseId: entry.spec.releaseId, specHash: entry.specHash };
    case 'command':
      return {
        ...(entry.reason === undefined ? {} : { reason: entry.reason }),
        ...(entry.toReleaseId === undefined ? {} : { toReleaseId: entry.toReleaseId }),
        ...(entry.override === undefined
          ? {}
          : { override: entry.override.code, overrideReason: entry.override.reason }),
      };
    case 'turned':
      return { to: entry.to, reason: entry.reason };
    case 'closed':
      return { status: entry.status };
    case 'held':
      return { why: entry.why };
    default:
      return {};
  }
}
