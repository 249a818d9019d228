import { defineSuite, type SuiteOptions } from '../define-suite.ts';
import { hostClauses, type RuntimeHostRig } from './host-clauses.ts';
import { slotClauses } from './slot-clauses.ts';

/**
 * What a `RuntimeHost` has to do. Clauses about a capability that the host does not declare prove nothing and pass.
 * @public
 */
export function runtimeHostSuite(options: SuiteOptions<RuntimeHostRig>): void {
  defineSuite(options, { ...hostClauses, ...slotClauses });
}
