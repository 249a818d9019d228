import { defineSuite, type SuiteOptions } from '../define-suite.ts';
import { heldClauses } from './held-clauses.ts';
import { propertyClauses } from './property-clauses.ts';
import { strategyClauses } from './strategy-clauses.ts';
import type { StrategyRig } from './strategy-rig.ts';

/**
 * What a strategy has to be: pure, replayable, restartable at every commit, and honest about how it ended, with shares of nodes and
 * requests that add up on fleets of any shape. Runs it in the production engine over a scripted fleet.
 * @public
 */
export function strategySuite(options: SuiteOptions<StrategyRig>): void {
  defineSuite(options, { ...strategyClauses, ...propertyClauses, ...heldClauses });
}
