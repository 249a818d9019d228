import type { TrafficRouter } from '@hotswap/core';
import { instantRouter } from '../../scenario/simulation.ts';
import { known, type Scenario } from './watched-rollout.ts';
import type { StrategyRig } from './strategy-rig.ts';

/** Fleets that each property is tried on. */
const drawnFleets = 8;
const regionNames = ['us-east', 'us-west', 'eu-central', 'dev'];

/** A router behind which every node keeps its own share of the requests. */
const localRouter: TrafficRouter = { name: 'local', spansNodes: false, servedRevision: async () => null };

/** A fleet and the configuration to roll out with. @internal */
export interface DrawnRollout {
  /** Says which one it is, in a failed assertion. */
  readonly name: string;
  readonly options: Scenario;
  /** A node that is drawn as the sick one, where a property wants one. */
  readonly sickNode: string;
}

/** Numbers from 0 up to a bound, the same ones for a seed. */
function drawsOf(seed: number): (below: number) => number {
  let state = seed * 7_919;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7f_ff_ff_ff;
    return (state >> 8) % below;
  };
}

/** Fleets of one to four regions with one to nine nodes each, behind both kinds of routers, for every configuration. @internal */
export function* drawnRollouts(rig: StrategyRig): Generator<DrawnRollout, void, undefined> {
  for (const config of rig.configs) {
    for (let seed = 1; seed <= drawnFleets; seed++) {
      const draw = drawsOf(seed);
      const regions = regionNames.slice(0, 1 + draw(regionNames.length));
      const nodes = Object.fromEntries(regions.map((region) => [region, 1 + draw(9)]));
      const sickRegion = regions[draw(regions.length)] ?? '';
      const spansNodes = draw(2) === 0;
      yield {
        name: `${JSON.stringify(config)} on ${JSON.stringify(nodes)}, ${spansNodes ? 'one router' : 'a router per node'}`,
        sickNode: `${sickRegion}-${String(draw(nodes[sickRegion] ?? 1))}`,
        options: {
          strategies: known(rig),
          strategy: rig.strategy.name,
          config,
          router: spansNodes ? instantRouter : localRouter,
          ...(rig.fleet?.metrics ? { metrics: rig.fleet.metrics } : {}),
          ...(rig.fleet?.failpoint ? { failpoint: rig.fleet.failpoint } : {}),
          nodes,
          ...(rig.servesOn ? { serves: rig.servesOn(nodes) } : {}),
        },
      };
    }
  }
}
