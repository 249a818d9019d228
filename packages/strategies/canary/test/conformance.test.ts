import { describe, it } from 'vitest';
import { canary } from '@hotswap/strategy-canary';
import { strategySuite } from '@hotswap/testing';

describe('Canary', () => {
  strategySuite({
    test: it,
    create: async () => ({
      strategy: canary(),
      configs: [
        { stages: [10, 50, 100], evaluationPeriod: 'PT1M' },
        { initialPercentage: 50, incrementPercentage: 50, evaluationPeriod: 30 },
      ],
      refused: [
        { config: { stages: [] }, pointer: '/stages' },
        { config: { stages: [50, 25, 100] }, pointer: '/stages/1' },
        { config: { stages: [10, 50] }, pointer: '/stages/1' },
        { config: { stages: [0, 100] }, pointer: '/stages/0' },
        { config: { stages: [10, 101] }, pointer: '/stages/1' },
        { config: { evaluationPeriod: 'PT0S' }, pointer: '/evaluationPeriod' },
        { config: { evaluationPeriod: 'five minutes' }, pointer: '/evaluationPeriod' },
        { config: { evaluationPeriod: -1 }, pointer: '/evaluationPeriod' },
        { config: { incrementPercentage: 0 }, pointer: '/incrementPercentage' },
        { config: { initialPercentage: 10, stages: [100] }, pointer: '/stages' },
        { config: { successThreshold: 0 }, pointer: '/successThreshold' },
        { config: { failureThreshold: 1.5 }, pointer: '/failureThreshold' },
        { config: { autoPromote: 'yes' }, pointer: '/autoPromote' },
        { config: { healthCheckFunction: 'a', functionName: 'b' }, pointer: '/functionName' },
        { config: [], pointer: '' },
      ],
      [Symbol.asyncDispose]: async () => {},
    }),
  });
});
