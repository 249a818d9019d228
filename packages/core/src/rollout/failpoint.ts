import type { JournalBatch } from '../contracts/journal-store.ts';

/**
 * A named moment at which a test may kill the process. Production composition passes none and the default does nothing.
 * Moments around a commit come with what is committed.
 * @internal
 */
export type Failpoint = (name: string, batches?: readonly JournalBatch[]) => void;

/** Does nothing. @internal */
export const noFailpoint: Failpoint = () => {};
