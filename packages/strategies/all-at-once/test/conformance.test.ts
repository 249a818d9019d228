import { describe, it } from 'vitest';
import { allAtOnce } from '@hotswap/strategy-all-at-once';
import { strategySuite } from '@hotswap/testing';

describe('AllAtOnce', () => {
  strategySuite({
    test: it,
    create: async () => ({
      strategy: allAtOnce(),
      configs: [{}, { healthCheckTimeout: 'PT20S' }],
      refused: [
        { config: { healthCheckTimeout: 'PT0S' }, pointer: '/healthCheckTimeout' },
        { config: { healthCheckFunction: '' }, pointer: '/healthCheckFunction' },
        { config: 5, pointer: '' },
      ],
      [Symbol.asyncDispose]: async () => {},
    }),
  });
});
