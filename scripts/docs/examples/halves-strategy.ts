import { z } from 'zod';
import {
  bake,
  deploy,
  durationMs,
  nodeCount,
  positiveDurationSchema,
  progress,
  shiftTraffic,
  sliceNodes,
  type Duration,
  type Strategy,
} from '@hotswap/core';

/** Configuration of Halves with every default filled in. */
export interface HalvesConfig {
  /** How long the first half is watched before the second. Default PT5M. */
  readonly evaluationPeriod: Duration;
}

const configSchema: z.ZodType<HalvesConfig, unknown> = z
  .strictObject({ evaluationPeriod: positiveDurationSchema.default('PT5M') })
  .prefault({});

/** Half of the nodes, a watched wait, then the other half. */
export function halves(): Strategy<HalvesConfig> {
  return {
    name: 'Halves',
    version: 1,
    configSchema,

    *rollout({ targets, config }) {
      const half = sliceNodes(targets, 0, Math.ceil(nodeCount(targets) / 2));
      for (const nodes of [half, targets]) {
        const percent = nodes === targets ? 100 : 50;
        yield* deploy({ nodes });
        yield* shiftTraffic({ percent, to: nodes, among: targets });
        yield* bake({
          forMs: durationMs(config.evaluationPeriod),
          nodes,
          failure: `Health checks failed at ${String(percent)}%`,
        });
        yield* progress({ percent });
      }
      return { status: 'Completed' };
    },
  };
}
