import { z } from 'zod';

/** A registered strategy on the wire. @public */
export interface StrategyView {
  /** As `strategy` of a deployment. */
  readonly name: string;
  /** The version that new rollouts take. */
  readonly version: number;
  /** What it is recommended for, in words; empty when there is no advice. */
  readonly recommendedFor: readonly string[];
}

/** @public */
export interface StrategyList {
  /** What the server is; one server is one environment. */
  readonly environment: string;
  /** What a deployment without a `strategy` gets here. */
  readonly recommended: string;
  readonly strategies: readonly StrategyView[];
}

/** @see {@link StrategyList} @public */
export const strategyListSchema: z.ZodType<StrategyList> = z
  .object({
    environment: z.string(),
    recommended: z.string(),
    strategies: z
      .array(
        z
          .object({ name: z.string(), version: z.int(), recommendedFor: z.array(z.string()).readonly() })
          .meta({ id: 'Strategy' }),
      )
      .readonly(),
  })
  .meta({ id: 'StrategyList' });
