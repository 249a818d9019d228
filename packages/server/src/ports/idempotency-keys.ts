import type { Json } from '@hotswap/core';

/** Whose request it is and which. @internal */
export interface IdempotentRequest {
  readonly tenant: string;
  readonly principal: string;
  readonly key: string;
  readonly requestHash: string;
}

/** @internal */
export type IdempotencyStart =
  | { readonly kind: 'started'; readonly owner: string }
  | { readonly kind: 'answered'; readonly answer: Json }
  | { readonly kind: 'running' }
  | { readonly kind: 'mismatch' };

/** Answers of requests that may come twice. @internal */
export interface IdempotencyKeys {
  begin(request: IdempotentRequest): Promise<IdempotencyStart>;
  /** Makes the claim last for its whole time again. `false`: it is no longer this owner's. */
  renew(request: IdempotentRequest, owner: string): Promise<boolean>;
  complete(request: IdempotentRequest, owner: string, answer: Exclude<Json, null>): Promise<void>;
  abandon(request: IdempotentRequest, owner: string): Promise<void>;
  deleteExpired(): Promise<number>;
}
