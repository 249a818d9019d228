import { HotSwapError } from '../errors/hotswap-error.ts';
import { coreErrorCodes } from '../errors/error-codes.ts';
import { isHotSwapError } from '../errors/is-hotswap-error.ts';
import type { StageFailure } from './effect.ts';

/**
 * The failure path of every strategy. Thrown by effect creators; uncaught, the engine restores the baseline. Strategies
 * catch it with `attempt` only.
 * @public
 */
export class StageFailed extends HotSwapError {
  readonly failure: StageFailure;

  constructor(failure: StageFailure) {
    super('HS_STRATEGY_STAGE_FAILED', coreErrorCodes.HS_STRATEGY_STAGE_FAILED, {
      message: failure.message,
      cause: failure.cause,
      facts: failure.facts,
    });
    this.failure = failure;
  }
}

/** Whether a thrown value is a {@link StageFailed}, also one from another copy of this package. @public */
export function isStageFailed(value: unknown): value is StageFailed {
  return isHotSwapError(value, 'HS_STRATEGY_STAGE_FAILED');
}
