import type { DeploymentSummary } from '@hotswap/core';
import { canary } from '@hotswap/strategy-canary';
import { simulateRollout } from '@hotswap/testing';

const simulation = await simulateRollout({
  strategies: [canary()],
  config: { stages: [10, 50, 100], evaluationPeriod: 'PT5M' },
  script: { healthy: (node, releaseId) => !(releaseId === 'v2' && node.nodeId === 'us-east-3') },
});
export const ended: DeploymentSummary = (await simulation.state()).summary;
