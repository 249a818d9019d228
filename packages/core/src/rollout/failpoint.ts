import type { JournalBatch } from '../contracts/journal-store.ts';

/** What a moment is about when no journal is: a row by its id, and what is being made of it. @internal */
export interface FailpointSubject {
  readonly object: string;
  readonly label: string;
}

/**
 * A named moment at which a test may kill the process. Production composition passes none and the default does nothing.
 * Moments around a commit come with what is committed: to journals, or of a row.
 * @internal
 */
export type Failpoint = (name: string, batches?: readonly JournalBatch[], subject?: FailpointSubject) => void;

/** Does nothing. @internal */
export const noFailpoint: Failpoint = () => {};
