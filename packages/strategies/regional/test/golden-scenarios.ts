import { blueGreen } from '@hotswap/strategy-blue-green';
import { canary } from '@hotswap/strategy-canary';
import { regional } from '@hotswap/strategy-regional';
import type { GoldenRollouts, GoldenScenario } from '@hotswap/testing';
import type { Strategy } from '@hotswap/core';

/** Regional and what it runs inside. */
const strategies: readonly Strategy<unknown>[] = [
  regional({ strategies: () => [blueGreen(), canary()] }),
  blueGreen(),
  canary(),
];

const minute = 60_000;
const sickIn = (region: string): Pick<GoldenScenario, 'options'> => ({
  options: { script: { healthy: (node, releaseId) => !(releaseId === 'v2' && node.region === region) } },
});

const scenarios: readonly GoldenScenario[] = [
  { name: 'completed' },
  { name: 'region-put-back', ...sickIn('us-east') },
  {
    name: 'aborted-after-a-region',
    options: { ...sickIn('us-east').options, config: { abortOnRegionFailure: true } },
  },
  { name: 'every-region-failed', options: { script: { loads: (_, releaseId) => releaseId !== 'v2' } } },
  {
    name: 'off-peak',
    options: {
      config: {
        regionOrder: ['eu-central', 'us-west'],
        offPeak: {
          'eu-central': [{ timeZone: 'Europe/Berlin', from: '02:00', to: '05:00' }],
          'us-west': [{ timeZone: 'America/Los_Angeles', days: ['wed', 'thu'], from: '23:00', to: '01:00' }],
        },
      },
    },
  },
  {
    name: 'strategies-inside',
    options: {
      serves: (nodeId) => !/^us-west-[345]/.test(nodeId),
      config: {
        inner: { strategy: 'Canary', config: { stages: [50, 100], evaluationPeriod: 'PT1M' } },
        regions: { 'us-west': { strategy: 'BlueGreen', config: { blueRetentionPeriod: 'PT2H' } } },
        interRegionDelay: 'PT5M',
      },
    },
  },
  {
    name: 'rolled-back-midway',
    drive: async (simulation) => {
      await simulation.time.advance(12 * minute);
      await simulation.command('rollback', { reason: 'complaints' });
    },
  },
];

export const goldenRollouts: GoldenRollouts = {
  strategies,
  scenarios,
  options: { strategy: 'Regional' },
  limitMs: 24 * 60 * minute,
};
