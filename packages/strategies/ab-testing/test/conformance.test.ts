import { describe, it } from 'vitest';
import { abTesting } from '@hotswap/strategy-ab-testing';
import { strategySuite } from '@hotswap/testing';
import { variantBWins } from './golden-scenarios.ts';

const short = { experimentDuration: 'PT3M' };

describe('ABTesting', () => {
  strategySuite({
    test: it,
    create: async () => ({
      strategy: abTesting(),
      fleet: { metrics: variantBWins },
      configs: [short, { ...short, variantBPercentage: 50, placement: 'in-place', minimumSampleSize: 25_000 }],
      refused: [
        { config: { variantBPercentage: 0 }, pointer: '/variantBPercentage' },
        { config: { variantBPercentage: 100 }, pointer: '/variantBPercentage' },
        { config: { experimentDuration: 'PT0S' }, pointer: '/experimentDuration' },
        { config: { experimentDuration: 'P30D' }, pointer: '/lookInterval' },
        { config: { lookInterval: 0 }, pointer: '/lookInterval' },
        { config: { minimumSampleSize: 0 }, pointer: '/minimumSampleSize' },
        { config: { minimumSampleSize: 10.5 }, pointer: '/minimumSampleSize' },
        { config: { significanceLevel: 0 }, pointer: '/significanceLevel' },
        { config: { significanceLevel: 5 }, pointer: '/significanceLevel' },
        { config: { winnerCriteria: { metric: 'luck' } }, pointer: '/winnerCriteria/metric' },
        { config: { winnerCriteria: { metric: 'custom:' } }, pointer: '/winnerCriteria/metric' },
        { config: { winnerCriteria: { metric: 'peak_memory_mb' } }, pointer: '/winnerCriteria/metric' },
        { config: { winnerCriteria: { metric: 'custom:orders' } }, pointer: '/winnerCriteria/comparison' },
        { config: { winnerCriteria: { comparison: 'higher_is_better' } }, pointer: '/winnerCriteria/comparison' },
        { config: { winnerCriteria: { threshold: -1 } }, pointer: '/winnerCriteria/threshold' },
        { config: { onInconclusive: 'hope' }, pointer: '/onInconclusive' },
        { config: { maxExtensions: 2 }, pointer: '/maxExtensions' },
        { config: { onInconclusive: 'extend', maxExtensions: 0 }, pointer: '/maxExtensions' },
        { config: { placement: 'elsewhere' }, pointer: '/placement' },
        { config: { successThreshold: 0 }, pointer: '/successThreshold' },
        { config: { healthCheckFunction: 'a', functionName: 'b' }, pointer: '/functionName' },
        { config: [], pointer: '' },
      ],
      [Symbol.asyncDispose]: async () => {},
    }),
  });
});
