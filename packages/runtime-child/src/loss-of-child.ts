import { type HotSwapError, isHotSwapError } from '@hotswap/core';

/** How a child is lost that this side did not end. @internal */
export type LossCode = 'HS_RUNTIME_CRASHED' | 'HS_RUNTIME_CHILD_PROTOCOL_BROKEN';

/** @internal */
export interface LossOfChild extends HotSwapError {
  readonly code: LossCode;
  readonly details: HotSwapError['details'] & { readonly how: string };
}

/** Whether a call failed because the child that served it is gone. @internal */
export const isLossOfChild = (error: unknown): error is LossOfChild =>
  isHotSwapError(error, 'HS_RUNTIME_CRASHED') || isHotSwapError(error, 'HS_RUNTIME_CHILD_PROTOCOL_BROKEN');
