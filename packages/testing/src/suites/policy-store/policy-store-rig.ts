import type { PolicyStore } from '@hotswap/core';

/** Two servers on one store, which holds nothing yet. @public */
export interface PolicyStoreRig extends AsyncDisposable {
  readonly store: PolicyStore;
  readonly other: PolicyStore;
}
