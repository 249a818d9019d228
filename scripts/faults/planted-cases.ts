import { z } from 'zod';
import { deploy, shiftTraffic, type Strategy } from '@hotswap/core';
import type { SeededStrategy } from '@hotswap/testing';

/** Every second time it begins with something else: what a journal says cannot be done again. */
let runs = 0;

const forgetful: Strategy<unknown> = {
  name: 'Forgetful',
  version: 1,
  configSchema: z.strictObject({}),
  *rollout({ targets }) {
    runs++;
    yield* deploy({ nodes: targets, ...(runs % 2 === 0 ? { maxInFlight: 1 } : {}) });
    yield* shiftTraffic({ percent: 100, to: targets, among: targets });
    return { status: 'Completed' };
  },
};

/** A strategy with a fault in it, to see that seeds find one. */
export const strategyCases: readonly SeededStrategy[] = [{ strategy: forgetful, config: () => ({}) }];
