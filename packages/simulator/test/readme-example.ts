import type { SimulationResult } from '@hotswap/protocol';
import { simulate } from '@hotswap/simulator';
import { canary } from '@hotswap/strategy-canary';

export const result: SimulationResult = await simulate({
  strategies: [canary()],
  fleet: { regions: { 'us-east': 40, 'eu-central': 20 } },
  deployment: { moduleId: 'greeter-v1.1.0', strategy: 'Canary' },
  script: { metrics: [{ at: 'PT7M', errorRatePercent: 40 }] },
  seed: 7,
});
