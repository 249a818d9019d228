// @ts-check
import {
  bake,
  deploy,
  durationMs,
  nodeCount,
  positiveDurationSchema,
  progress,
  shiftTraffic,
  subtractNodes,
} from '@hotswap/core';
import { z } from 'zod';
import { planWaves } from './plan-waves.js';

const configSchema = z
  .strictObject({
    scouts: z.int().min(1).max(1_000).default(1),
    growth: z.number().gt(1).max(100).default(2),
    soak: positiveDurationSchema.default('PT2M'),
  })
  .prefault({});

/** @type {typeof import('./index.d.ts').waves} */
export function waves() {
  return {
    name: 'Waves',
    version: 1,
    configSchema,

    *rollout({ targets, regions, config }) {
      /** @type {import('@hotswap/core').NodeSet} */
      let reached = [];
      for (const [at, nodes] of planWaves(targets, Object.values(regions), config).entries()) {
        const stage = `wave ${String(at + 1)}`;
        const percent = (100 * nodeCount(nodes)) / nodeCount(targets);
        yield* deploy({ nodes: subtractNodes(nodes, reached) });
        yield* shiftTraffic({ percent, to: nodes, among: targets });
        yield* bake({ forMs: durationMs(config.soak), nodes, failure: `Health checks failed in ${stage}` });
        yield* progress({ percent: Math.floor(percent), stage });
        reached = nodes;
      }
      return { status: 'Completed' };
    },
  };
}

export const strategies = [waves()];
