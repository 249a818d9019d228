import { canonicalJson, type JournalEntry } from '@hotswap/core';
import type { JournalEntryView } from '@hotswap/protocol';
import { historyViolations, type TrainHistory } from '@hotswap/testing';
import { strategyCases } from './strategy-cases.ts';

/** What journals on the wire say, held against the invariants by the checker that simulations use too. */
export async function violationsOf(...journals: readonly (readonly JournalEntryView[])[]): Promise<readonly string[]> {
  return historyOf(journals);
}

/** The same with the release trains that the journals belong to. */
export async function historyOf(
  journals: readonly (readonly JournalEntryView[])[],
  trains: readonly TrainHistory[] = [],
): Promise<readonly string[]> {
  return historyViolations(
    { journals: journals.map((entries) => entries.map(stored)), trains },
    strategyCases.map(({ strategy }) => strategy),
  );
}

function stored({ seq, at, actor, hash, previousHash, entry }: JournalEntryView): JournalEntry {
  return { ...(entry as object), seq, at: Date.parse(at), actor, hash, previousHash } as JournalEntry;
}

/** Members of effects that hold what was measured, which no two runs have alike. */
const measured: Readonly<Record<string, readonly string[]>> = { judge: ['baseline', 'candidate'], restore: ['reason'] };

/**
 * The effects of a journal in order, as text: equal for two runs that did the same. Runs take turns with two versions, so
 * releases are named by the order in which they come.
 */
export function effectList(entries: readonly JournalEntryView[]): readonly string[] {
  const releases = new Map<string, string>();
  const nameOf = (releaseId: string): string => {
    if (!releases.has(releaseId)) releases.set(releaseId, `release ${String(releases.size + 1)}`);
    return releases.get(releaseId) as string;
  };
  return entries.flatMap(({ type, entry }) => {
    const { effect } = entry as { readonly effect?: { readonly kind: string; readonly input: object } };
    if (type !== 'began' || !effect) return [];
    const decided = Object.entries(effect.input).filter(([name]) => measured[effect.kind]?.includes(name) !== true);
    const text = `${effect.kind} ${canonicalJson(Object.fromEntries(decided))}`;
    return [text.replaceAll(/rel-[0-9a-f]{16}/g, nameOf)];
  });
}
