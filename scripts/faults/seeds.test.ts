import { rollOutBySeed } from '@hotswap/testing';
import { describe, expect, it } from 'vitest';
import { strategyCases } from './strategy-cases.ts';

/** `npm run faults -- --full` goes on from here. */
const seeds = 1_000;
const blocks = 10;

describe('rollouts decided by chance', () => {
  it.each(Array.from({ length: blocks }, (_, block) => block))(
    'keep every invariant, block %i of 10',
    async (block) => {
      for (let seed = (block * seeds) / blocks; seed < ((block + 1) * seeds) / blocks; seed++) {
        const { violations, story } = await rollOutBySeed(seed, strategyCases);
        expect(violations, `seed ${String(seed)}: ${story.join('; ')}`).toEqual([]);
      }
    },
    60_000,
  );

  it('go the same way twice', async () => {
    for (const seed of [1, 17, 93])
      expect(await rollOutBySeed(seed, strategyCases)).toEqual(await rollOutBySeed(seed, strategyCases));
  });
});
