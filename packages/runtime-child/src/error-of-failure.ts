import type { HotSwapError } from '@hotswap/core';
import type { ChildFailure } from './child-messages.ts';
import type { EngineLaunch } from './engine-launch.ts';
import { type RuntimeChildErrorCode, runtimeChildError, runtimeChildErrorCodes } from './error-codes.ts';

/**
 * The project's error for what a child said.
 * @internal
 */
export function errorOfFailure(failure: ChildFailure, launch: Pick<EngineLaunch, 'ownError'>): HotSwapError {
  const own = launch.ownError?.(failure);
  if (own !== undefined) return own;
  const code = `HS_RUNTIME_${failure.code}`;
  if (Object.hasOwn(runtimeChildErrorCodes, code))
    return runtimeChildError(code as RuntimeChildErrorCode, failure.details);
  return runtimeChildError('HS_RUNTIME_INTERNAL', {
    reason: `the child answered with the unknown code ${failure.code}`,
  });
}
