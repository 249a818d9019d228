import { bake, deploy, durationMs, progress, shiftTraffic, type Duration, type Strategy } from '@hotswap/core';
import { z } from 'zod';

export const careful: Strategy<{ readonly watch: Duration }> = {
  name: 'Careful',
  version: 1,
  configSchema: z.strictObject({ watch: z.string().default('PT5M') }),
  *rollout({ targets, config }) {
    yield* deploy({ nodes: targets }); // present, verified, warm; no traffic yet
    yield* shiftTraffic({ percent: 100, to: targets, among: targets }); // only this changes what a request gets
    yield* bake({ forMs: durationMs(config.watch), nodes: targets, failure: 'Health checks failed' });
    yield* progress({ percent: 100 });
    return { status: 'Completed' };
  },
};
