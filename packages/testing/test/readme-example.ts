import { bake, deploy, progress, shiftTraffic, type Strategy } from '@hotswap/core';
import { strategySuite } from '@hotswap/testing';
import { it } from 'vitest';
import { z } from 'zod';

export const halves: Strategy<unknown> = {
  name: 'Halves',
  version: 1,
  configSchema: z.strictObject({}).prefault({}),
  *rollout({ targets: [all = [0, 0]] }) {
    const middle = all[0] + Math.ceil((all[1] - all[0]) / 2);
    for (const [percent, nodes] of [
      [50, [[all[0], middle]]],
      [100, [[middle, all[1]]]],
    ] as const) {
      yield* deploy({ nodes });
      yield* shiftTraffic({ percent, to: [[all[0], nodes[0][1]]], among: [all] });
      yield* bake({ forMs: 60_000, nodes: [[all[0], nodes[0][1]]], failure: `Health checks failed at ${percent}%` });
      yield* progress({ percent });
    }
    return { status: 'Completed' };
  },
};

strategySuite({
  test: it,
  create: async () => ({ strategy: halves, configs: [{}], refused: [], [Symbol.asyncDispose]: async () => {} }),
});
