import type { Database } from './database.ts';

/** Connections to the database. @public */
export interface PoolUse {
  /** At work now. */
  readonly active: number;
  /** Open and free. */
  readonly idle: number;
  /** Callers that wait for one. */
  readonly waiting: number;
  /** Most that may be open. */
  readonly max: number;
}

/** The part of knex's client that its types leave open. */
interface Pool {
  readonly max: number;
  numUsed(): number;
  numFree(): number;
  numPendingAcquires(): number;
}

/** How busy the connections are at this moment; of an embedded database there is one. @public */
export function poolUse({ knex }: Pick<Database, 'knex'>): PoolUse {
  const { pool } = knex.client as { readonly pool: Pool };
  return { active: pool.numUsed(), idle: pool.numFree(), waiting: pool.numPendingAcquires(), max: pool.max };
}
