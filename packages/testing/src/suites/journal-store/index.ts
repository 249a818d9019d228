import { defineSuite, type SuiteOptions } from '../define-suite.ts';
import { changeClauses } from './change-clauses.ts';
import { journalClauses } from './journal-clauses.ts';
import type { JournalStoreRig } from './journal-store-rig.ts';
import { mirrorClauses } from './mirror-clauses.ts';
import { progressClauses } from './progress-clauses.ts';

/**
 * What a `JournalStore` with its `FleetReader` has to do: appends, the effect of each kind of change on desired state,
 * what mirrors come to, and the figures of progress.
 * @public
 */
export function journalStoreSuite(options: SuiteOptions<JournalStoreRig>): void {
  defineSuite(options, { ...journalClauses, ...changeClauses, ...mirrorClauses, ...progressClauses });
}
