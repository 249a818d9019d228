import type { Strategy } from '../contracts/strategy.ts';
import type { Effect } from '../effects/effect.ts';
import type { DeploymentStatus } from '../model/deployment.ts';
import type { JournalEntry } from './journal-entry.ts';
import { LiveRollout } from './live-rollout.ts';
import { StrategyRun, StrategyShelf, type StrategyPosition } from './replay.ts';

/** What a journal leads to. @public */
export interface ReplayedJournal {
  readonly status: DeploymentStatus;
  /** Effects of the strategy so far; the last one may still run. */
  readonly effects: readonly Effect[];
  /** Where the strategy has got to; `null` before it was executed. */
  readonly next: StrategyPosition | null;
}

/**
 * Folds a journal, or the beginning of one, and runs its strategy along it without a fleet. For golden journals, and to
 * see why a deployment is where it is.
 * @throws HS_JOURNAL_CORRUPT, HS_JOURNAL_UNKNOWN_ENTRY
 * @public
 */
export function replayJournal(
  entries: readonly JournalEntry[],
  strategies: readonly Strategy<unknown>[],
): ReplayedJournal {
  const live = new LiveRollout('', '');
  live.add(entries);
  const { spec, frozen, status } = live.state;
  const next = spec && frozen ? new StrategyRun(new StrategyShelf(strategies), spec, frozen).catchUp(live.steps) : null;
  return { status, effects: live.steps.map(({ effect }) => effect), next };
}
