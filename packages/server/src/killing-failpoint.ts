import type { Failpoint, JournalBatch, JournalEntry } from '@hotswap/core';

/**
 * Kills the process, as `kill -9` would, when it comes to a moment; for fault tests.
 * @param setting `name` for its first passage, `name@n` for its n-th (from 1), `name@deployment/label` for the first with an
 * entry of that deployment: `began-2`, `turned-rollback`, `closed`
 * @internal
 */
export function killingFailpoint(setting: string): Failpoint {
  const at = setting.lastIndexOf('@');
  const wanted = at < 0 ? setting : setting.slice(0, at);
  const which = at < 0 ? '1' : setting.slice(at + 1);
  const slash = which.indexOf('/');
  let left = slash < 0 ? Number(which) : 1;
  const isMeant = (batches: readonly JournalBatch[]): boolean =>
    slash < 0 ||
    batches.some(
      ({ deploymentId, entries }) =>
        deploymentId === which.slice(0, slash) && entries.some((entry) => labelOf(entry) === which.slice(slash + 1)),
    );
  return (name, batches = []) => {
    if (name === wanted && isMeant(batches) && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}

function labelOf(entry: JournalEntry): string {
  if (entry.type === 'turned') return `turned-${entry.to}`;
  return 'step' in entry ? `${entry.type}-${String(entry.step)}` : entry.type;
}
