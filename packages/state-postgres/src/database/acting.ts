import { AsyncLocalStorage } from 'node:async_hooks';

/** Whoever asked for what a piece of work changes. @public */
export interface Acting {
  readonly actor: string;
  readonly role: string | null;
  readonly requestId: string | null;
}

const current = new AsyncLocalStorage<Acting>();
const nobody: Acting = { actor: 'system', role: null, requestId: null };

/** Carries out work, and all that it begins, in the name of somebody: acts that it leaves name them. @public */
export function actAs<Result>(acting: Acting, work: () => Result): Result {
  return current.run(acting, work);
}

/** In whose name this runs; `system` when nobody asked for it. @internal */
export function actingNow(): Acting {
  return current.getStore() ?? nobody;
}
