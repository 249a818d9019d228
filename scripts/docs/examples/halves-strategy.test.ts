import { describe, it } from 'vitest';
import { strategySuite } from '@hotswap/testing';
import { halves } from './halves-strategy.ts';

describe('Halves', () => {
  strategySuite({
    test: it,
    create: async () => ({
      strategy: halves(),
      configs: [{}, { evaluationPeriod: 'PT30S' }],
      refused: [{ config: { evaluationPeriod: 0 }, pointer: '/evaluationPeriod' }],
      [Symbol.asyncDispose]: async () => {},
    }),
  });
});
