import { describe, it } from 'vitest';
import { canary } from '@hotswap/strategy-canary';
import { regional } from '@hotswap/strategy-regional';
import { strategySuite } from '@hotswap/testing';

const night = { timeZone: 'Europe/Berlin', from: '02:00', to: '05:00' };
const offPeak = (windows: unknown): { readonly offPeak: unknown } => ({ offPeak: { 'eu-central': windows } });
const inside = (strategy: string, config: unknown): unknown => ({ strategy, config });

describe('Regional', () => {
  strategySuite({
    test: it,
    create: async () => ({
      strategy: regional({ strategies: () => [canary(), regional()] }),
      inner: [canary()],
      configs: [
        { interRegionDelay: 'PT1M' },
        {
          interRegionDelay: 30,
          inner: inside('Canary', { stages: [50, 100], evaluationPeriod: 'PT30S' }),
          regionOrder: ['eu-central', 'mars'],
        },
      ],
      refused: [
        { config: { regionOrder: 'us-east' }, pointer: '/regionOrder' },
        { config: { regionOrder: ['us-east', ''] }, pointer: '/regionOrder/1' },
        { config: { regionOrder: ['us-east', 'us-west', 'us-east'] }, pointer: '/regionOrder/2' },
        { config: { interRegionDelay: 'PT0S' }, pointer: '/interRegionDelay' },
        { config: { interRegionDelay: 'ten minutes' }, pointer: '/interRegionDelay' },
        { config: { abortOnRegionFailure: 'no' }, pointer: '/abortOnRegionFailure' },
        { config: { inner: inside('Regional', {}) }, pointer: '/inner/strategy' },
        { config: { inner: inside('Slalom', {}) }, pointer: '/inner/strategy' },
        { config: { inner: inside('Canary', { stages: [50, 25, 100] }) }, pointer: '/inner/config/stages/1' },
        { config: { inner: inside('Canary', { speed: 1 }) }, pointer: '/inner/config/speed' },
        { config: { inner: { name: 'Canary' } }, pointer: '/inner/strategy' },
        {
          config: { regions: { 'eu/central': inside('Canary', { evaluationPeriod: 0 }) } },
          pointer: '/regions/eu~1central/config/evaluationPeriod',
        },
        { config: offPeak([]), pointer: '/offPeak/eu-central' },
        { config: offPeak([{ ...night, to: '02:00' }]), pointer: '/offPeak/eu-central/0/to' },
        { config: offPeak([{ ...night, timeZone: 'Mars/Olympus' }]), pointer: '/offPeak/eu-central/0/timeZone' },
        { config: offPeak([night, { ...night, from: '04:00' }]), pointer: '/offPeak/eu-central/1' },
        { config: { successThreshold: 0 }, pointer: '/successThreshold' },
        { config: { failureThreshold: 1.5 }, pointer: '/failureThreshold' },
        { config: { healthCheckFunction: 'a', functionName: 'b' }, pointer: '/functionName' },
        { config: 7, pointer: '' },
      ],
      [Symbol.asyncDispose]: async () => {},
    }),
  });
});
