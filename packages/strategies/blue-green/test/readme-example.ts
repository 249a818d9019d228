import { blueGreen } from '@hotswap/strategy-blue-green';
import { Simulation } from '@hotswap/testing';

const simulation = new Simulation({
  strategies: [blueGreen()],
  nodes: { 'us-east': 6 },
  serves: (_, position) => position < 3,
});
await simulation.deploy({ config: { blueRetentionPeriod: 'PT1H' } });
await simulation.time.advance(5 * 60_000);
export const switched: number = simulation.sharePercent('v2');

await simulation.command('rollback', { reason: 'customers complain' });
export const switchedBack: number = simulation.sharePercent('v1');
