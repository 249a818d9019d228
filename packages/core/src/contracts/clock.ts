import type { Instant } from '../model/deployment.ts';

/**
 * The time that decisions are based on: the database's, so that servers with skewed clocks decide alike; virtual in
 * simulations.
 * @public
 */
export interface Clock {
  /** Unix milliseconds. Never runs backwards. */
  now(): Instant;
}
