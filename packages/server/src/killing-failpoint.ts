import type { Failpoint, FailpointSubject, JournalBatch, JournalEntry } from '@hotswap/core';

/**
 * Kills the process, as `kill -9` would, when it comes to a moment; for fault tests.
 * @param setting `name` for its first passage, `name@n` for its n-th (from 1), `name@deployment/label` for the first with an
 * entry of that deployment: `began-2`, `turned-rollback`, `closed`; or, of a train, `name@train/label` for the first time that its
 * row is given that intent and status: `back-RollingBack`
 * @internal
 */
export function killingFailpoint(setting: string): Failpoint {
  const at = setting.lastIndexOf('@');
  const wanted = at < 0 ? setting : setting.slice(0, at);
  const which = at < 0 ? '1' : setting.slice(at + 1);
  const slash = which.indexOf('/');
  let left = slash < 0 ? Number(which) : 1;
  const [object, label] = [which.slice(0, slash), which.slice(slash + 1)];
  const isMeant = (batches: readonly JournalBatch[], subject: FailpointSubject | undefined): boolean =>
    slash < 0 ||
    (subject?.object === object && subject.label === label) ||
    batches.some(
      ({ deploymentId, entries }) => deploymentId === object && entries.some((entry) => labelOf(entry) === label),
    );
  return (name, batches = [], subject) => {
    if (name === wanted && isMeant(batches, subject) && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}

function labelOf(entry: JournalEntry): string {
  if (entry.type === 'turned') return `turned-${entry.to}`;
  return 'step' in entry ? `${entry.type}-${String(entry.step)}` : entry.type;
}
