import { canary } from '@hotswap/strategy-canary';
import { regional } from '@hotswap/strategy-regional';
import { simulateRollout } from '@hotswap/testing';
import type { DeploymentSummary } from '@hotswap/core';

const simulation = await simulateRollout({
  strategies: [regional(), canary()],
  nodes: { 'us-west': 4, 'us-east': 8, 'eu-central': 6 },
  config: {
    regionOrder: ['us-west', 'eu-central'],
    interRegionDelay: 'PT10M',
    offPeak: { 'eu-central': [{ timeZone: 'Europe/Berlin', from: '02:00', to: '05:00' }] },
    regions: { 'us-east': { strategy: 'Canary', config: { stages: [25, 100] } } },
  },
  script: { healthy: (node, releaseId) => !(releaseId === 'v2' && node.region === 'eu-central') },
});
export const ended: DeploymentSummary = (await simulation.state()).summary;
