import type { JournalBatch } from '../contracts/journal-store.ts';
import type { Instant } from '../model/deployment.ts';
import type { Change } from './change.ts';
import type { JournalEvent } from './journal-entry.ts';
import type { LiveRollout } from './live-rollout.ts';
import type { RolloutState, UnchainedEntry } from './rollout-state.ts';

/**
 * One commit in the making: entries, each folded at once so that the next decision sees it, and the changes that go
 * with them.
 * @internal
 */
export class Draft {
  readonly live: LiveRollout;
  readonly now: Instant;
  readonly entries: UnchainedEntry[] = [];
  readonly changes: Change[] = [];
  /** Ends of other deployments' retention, appended in the same transaction. */
  readonly companions: JournalBatch[] = [];
  readonly #actor: string;

  constructor(live: LiveRollout, now: Instant, actor: string) {
    this.live = live;
    this.now = Math.max(now, live.state.at);
    this.#actor = actor;
  }

  get state(): RolloutState {
    return this.live.state;
  }

  /** Adds an entry as the journal will hold it, through JSON; effects have been through it already. */
  put(event: JournalEvent): void {
    const plain = event.type === 'began' ? event : (JSON.parse(JSON.stringify(event)) as JournalEvent);
    const entry: UnchainedEntry = { ...plain, seq: this.state.seq, at: this.now, actor: this.#actor };
    this.entries.push(entry);
    this.live.fold(entry);
  }
}
