import type { Train, TrainChange } from '@hotswap/core';
import type { Page, PageQuery } from './page.ts';

/** Trains, each written by whoever has seen its latest revision. @internal */
export interface TrainStore {
  insert(train: Omit<Train, 'revision' | 'createdAt' | 'updatedAt'>): Promise<void>;
  find(tenant: string, trainId: string): Promise<Train | null>;
  list(tenant: string, query: PageQuery): Promise<Page<Train>>;
  /** Of all tenants; those too that have ended while a member of theirs, created since, still waits for its turn. */
  unfinished(): Promise<readonly Train[]>;
  /**
   * Writes a change on top of what was read; `null` when somebody else was faster. `action` is what goes on record: in
   * the name of whoever asked, `train.turn` in that of the system.
   */
  update(train: Train, change: TrainChange, action?: string): Promise<Train | null>;
}
