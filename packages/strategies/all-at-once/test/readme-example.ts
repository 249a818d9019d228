import { allAtOnce } from '@hotswap/strategy-all-at-once';
import { Simulation } from '@hotswap/testing';

const simulation = new Simulation({ strategies: [allAtOnce()] });
await simulation.deploy();
await simulation.time.advance(1_000);
export const served: number = simulation.sharePercent('v2');
await simulation.command('rollback', { reason: 'p99 above 100 ms' });
export const servedAfterRollback: number = simulation.sharePercent('v2');
