import { describe, it } from 'vitest';
import { blueGreen } from '@hotswap/strategy-blue-green';
import { strategySuite } from '@hotswap/testing';

const refused = [
  { config: { healthCheckTimeout: 0 }, pointer: '/healthCheckTimeout' },
  { config: { keepBlueEnvironment: 'yes' }, pointer: '/keepBlueEnvironment' },
  { config: { blueRetentionPeriod: 'PT0S' }, pointer: '/blueRetentionPeriod' },
  { config: { blueRetentionPeriod: 'an hour' }, pointer: '/blueRetentionPeriod' },
  { config: { placement: 'elsewhere' }, pointer: '/placement' },
  { config: { autoPromote: 1 }, pointer: '/autoPromote' },
  { config: { evaluationPeriod: -1 }, pointer: '/evaluationPeriod' },
  { config: { successThreshold: 0 }, pointer: '/successThreshold' },
  { config: { failureThreshold: 1.5 }, pointer: '/failureThreshold' },
  { config: { healthCheckFunction: '' }, pointer: '/healthCheckFunction' },
  { config: { healthCheckFunction: 'a', functionName: 'b' }, pointer: '/functionName' },
  { config: 'green', pointer: '' },
];

describe('BlueGreen', () => {
  strategySuite({
    test: it,
    create: async () => ({
      strategy: blueGreen(),
      configs: [{}, { keepBlueEnvironment: false }, { evaluationPeriod: 'PT1M' }],
      refused,
      fleet: { serves: (_: string, position: number): boolean => position < 10 },
      servesOn: (nodes): ((nodeId: string, position: number) => boolean) => {
        const all = Object.values(nodes).reduce((sum, count) => sum + count, 0);
        return (_, position) => position < Math.floor(all / 2);
      },
      [Symbol.asyncDispose]: async () => {},
    }),
  });
});

describe('BlueGreen in place', () => {
  strategySuite({
    test: it,
    create: async () => ({
      strategy: blueGreen(),
      configs: [{ placement: 'in-place' }],
      refused,
      [Symbol.asyncDispose]: async () => {},
    }),
  });
});
