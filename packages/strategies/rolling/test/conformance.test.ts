import { describe, it } from 'vitest';
import { rolling } from '@hotswap/strategy-rolling';
import { strategySuite } from '@hotswap/testing';

describe('Rolling', () => {
  strategySuite({
    test: it,
    create: async () => ({
      strategy: rolling(),
      configs: [
        { batchSize: 7, batchDelay: 'PT30S' },
        { batchSize: 5, pauseOnFailure: false },
      ],
      refused: [
        { config: { batchSize: 0 }, pointer: '/batchSize' },
        { config: { batchSize: 1.5 }, pointer: '/batchSize' },
        { config: { batchDelay: 'soon' }, pointer: '/batchDelay' },
        { config: { healthCheckTimeout: 0 }, pointer: '/healthCheckTimeout' },
        { config: { pauseOnFailure: 1 }, pointer: '/pauseOnFailure' },
        { config: 'fast', pointer: '' },
      ],
      [Symbol.asyncDispose]: async () => {},
    }),
  });
});
