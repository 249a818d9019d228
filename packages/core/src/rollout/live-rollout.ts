import { hotSwapError } from '../errors/hotswap-error.ts';
import type { DeploymentId } from '../model/deployment.ts';
import { genesisHash, type EntryHash, type JournalEntry } from './journal-entry.ts';
import type { RecordedStep, StrategyRun } from './replay.ts';
import { absentState, apply, type RolloutState, type UnchainedEntry } from './rollout-state.ts';

/**
 * A deployment as one process holds it: the folded state, the steps for the replay, and the generator that has been fed
 * them. It belongs to the head it names; whoever fails to append on that head throws it away.
 * @internal
 */
export class LiveRollout {
  readonly tenant: string;
  readonly deploymentId: DeploymentId;
  state: RolloutState = absentState;
  head: EntryHash = genesisHash;
  readonly steps: RecordedStep[] = [];
  run: StrategyRun | null = null;

  constructor(tenant: string, deploymentId: DeploymentId) {
    this.tenant = tenant;
    this.deploymentId = deploymentId;
  }

  /** Whether entries read from the store go on where this ends. */
  isContinuedBy(entries: readonly JournalEntry[]): boolean {
    return entries[0] === undefined || (entries[0].previousHash === this.head && entries[0].seq === this.state.seq);
  }

  /**
   * Folds entries that the store holds.
   * @throws HS_JOURNAL_CORRUPT when one does not follow the one before it, HS_JOURNAL_UNKNOWN_ENTRY
   */
  add(entries: readonly JournalEntry[]): void {
    for (const entry of entries) {
      if (entry.previousHash !== this.head) {
        throw hotSwapError('HS_JOURNAL_CORRUPT', {
          deploymentId: this.deploymentId,
          seq: entry.seq,
          why: 'it does not follow the entry before it',
        });
      }
      this.fold(entry);
      this.head = entry.hash;
    }
  }

  /** Folds one entry, which may not be stored yet. */
  fold(entry: UnchainedEntry): void {
    const { phase } = this.state;
    this.state = apply(this.state, entry);
    if (phase !== 'rollout') return;
    if (entry.type === 'began' && entry.effect.kind !== 'retain') this.steps[entry.step] = { effect: entry.effect };
    if (entry.type === 'ended') {
      const began = this.steps[entry.step];
      if (began) this.steps[entry.step] = { ...began, result: entry.result };
    }
  }
}
