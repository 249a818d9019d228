import type { DeploymentSummary } from '@hotswap/core';
import { rolling } from '@hotswap/strategy-rolling';
import { Simulation } from '@hotswap/testing';

let broken = true;
const simulation = new Simulation({
  strategies: [rolling()],
  script: { loads: (node, releaseId) => !(broken && releaseId === 'v2' && node.nodeId === 'us-east-5') },
});
await simulation.deploy({ config: { batchSize: 5, batchDelay: 'PT30S' } });
await simulation.time.advance(120_000);
export const stopped: DeploymentSummary = (await simulation.state()).summary;
broken = false;
await simulation.command('retry');
await simulation.finish();
export const ended: DeploymentSummary = (await simulation.state()).summary;
