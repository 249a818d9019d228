import { defineSuite, type SuiteOptions } from '../define-suite.ts';
import { capabilityClauses } from './capability-clauses.ts';
import { hostClauses, type RuntimeHostRig } from './host-clauses.ts';
import { outputClauses } from './output-clauses.ts';
import { policyClauses } from './policy-clauses.ts';
import { programClauses } from './program-clauses.ts';
import { slotClauses } from './slot-clauses.ts';

/**
 * What a `RuntimeHost` has to do. Clauses about a capability that the host does not declare are reported as skipped,
 * with the capability as the reason.
 * @public
 */
export function runtimeHostSuite(options: SuiteOptions<RuntimeHostRig>): void {
  defineSuite(options, {
    ...hostClauses,
    ...policyClauses,
    ...capabilityClauses,
    ...programClauses,
    ...outputClauses,
    ...slotClauses,
  });
}
