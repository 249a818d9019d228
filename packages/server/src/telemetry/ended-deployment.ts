import type { JournalEntry } from '@hotswap/core';

/** One effect of a rollout, or of its way back. @internal */
export interface EndedStep {
  readonly step: number;
  readonly kind: string;
  /** Unix milliseconds. */
  readonly beganAt: number;
  readonly endedAt: number;
  /** Why it failed; absent when it did not. */
  readonly failure?: string;
}

/** How a rollout, or a rollback after it, has ended. @internal */
export interface EndedDeployment {
  readonly deploymentId: string;
  readonly moduleName: string;
  readonly moduleId: string;
  readonly releaseId: string;
  readonly strategy: string;
  readonly status: string;
  readonly reason?: string;
  /** It did not do what it was made for, and nobody had asked it to stop. */
  readonly isFailure: boolean;
  readonly beganAt: number;
  readonly endedAt: number;
  readonly steps: readonly EndedStep[];
}

const isEnd = (entry: JournalEntry): boolean =>
  entry.type === 'closed' || (entry.type === 'turned' && entry.to === 'retention');

/** Whether a deployment may have ended with these entries. @internal */
export function mayHaveEnded(entries: readonly JournalEntry[]): boolean {
  return entries.some(isEnd);
}

/**
 * Reads the end of a journal: what came since the end before, so that a rollback of a completed deployment is one of its
 * own. `null` when nothing was carried out since then, as when a retention is over or nobody executed it.
 * @internal
 */
export function readEndedDeployment(journal: readonly JournalEntry[]): EndedDeployment | null {
  const created = journal.find((entry) => entry.type === 'created');
  const last = journal.findLastIndex(isEnd);
  const end = journal[last];
  if (created === undefined || end === undefined) return null;
  const before = journal.findLastIndex((entry, at) => at < last && isEnd(entry));
  const attempt = journal.slice(before + 1, last + 1);
  const first = attempt.find(
    (entry) => entry.type === 'executed' || (entry.type === 'turned' && entry.to === 'rollback'),
  );
  if (first === undefined) return null;
  const { status, reason } = statusOf(end);
  const wasAsked = attempt.some(
    (entry) => entry.type === 'command' && (entry.command === 'rollback' || entry.command === 'abort'),
  );
  const { deploymentId, moduleName, moduleId, releaseId, strategy } = created.spec;
  return {
    ...{ deploymentId, moduleName, moduleId, releaseId, strategy, status },
    ...(reason === undefined ? {} : { reason }),
    isFailure: status === 'Failed' || (!wasAsked && (status === 'RolledBack' || status === 'PartiallyCompleted')),
    beganAt: first.at,
    endedAt: end.at,
    steps: stepsOf(attempt, end.at),
  };
}

function statusOf(end: JournalEntry): { readonly status: string; readonly reason?: string } {
  if (end.type === 'closed') return { status: end.status, ...(end.reason === undefined ? {} : { reason: end.reason }) };
  const { status = 'Completed', message } = (end.type === 'turned' ? end.outcome : undefined) ?? {};
  return {
    status: status === 'RolledBack' ? 'PartiallyCompleted' : status,
    ...(message === undefined ? {} : { reason: message }),
  };
}

/** A step that a turn has broken off ends with the attempt. */
function stepsOf(attempt: readonly JournalEntry[], endedAt: number): readonly EndedStep[] {
  const ends = new Map(attempt.flatMap((entry) => (entry.type === 'ended' ? [[entry.step, entry] as const] : [])));
  return attempt.flatMap((entry) => {
    if (entry.type !== 'began' || entry.effect.kind === 'retain') return [];
    const end = ends.get(entry.step);
    const failure = end === undefined ? 'broken off' : end.result.ok ? undefined : end.result.failure.message;
    return [
      {
        step: entry.step,
        kind: entry.effect.kind,
        beganAt: entry.at,
        endedAt: end?.at ?? endedAt,
        ...(failure === undefined ? {} : { failure }),
      },
    ];
  });
}
