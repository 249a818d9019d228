import { defineSuite, type SuiteOptions } from '../define-suite.ts';
import { strategyClauses } from './strategy-clauses.ts';
import type { StrategyRig } from './strategy-rig.ts';

/**
 * What a strategy has to be: pure, replayable, restartable at every commit, and honest about how it ended. Runs it in
 * the production engine over a scripted fleet.
 * @public
 */
export function strategySuite(options: SuiteOptions<StrategyRig>): void {
  defineSuite(options, strategyClauses);
}
