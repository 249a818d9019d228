import type { Duration, Strategy } from '@hotswap/core';

/** Configuration of the Waves strategy with every default filled in. */
export interface WavesConfig {
  /** Nodes of every region in the first wave. Default 1. */
  readonly scouts: number;
  /** How much larger each wave makes the part that has the release. Default 2. */
  readonly growth: number;
  /** How long each wave is watched. Default PT2M. */
  readonly soak: Duration;
}

/** A few nodes of every region, then waves that grow: a fleet of 100,000 nodes in 18 waves. */
export function waves(): Strategy<WavesConfig>;

/** What a server loads this package for. */
export const strategies: readonly Strategy<unknown>[];
