import { trainMemberSpec, type NodeSelectorPlugin, type Strategy } from '@hotswap/core';
import type { SimulateRequest, SimulateTrainRequest, SimulationResult, TrainSimulationResult } from '@hotswap/protocol';
import { scenarioMs } from './active-period.ts';
import { describedFleet } from './described-fleet.ts';
import { invalidScenario, readScenario, checkTrainScenario, type CheckedSimulation } from './read-scenario.ts';
import { runSimulation } from './run-simulation.ts';
import { runTrain } from './run-train.ts';
import { moduleNameOf, specOf } from './scenario-spec.ts';
import type { WorldParts } from './simulated-world.ts';

/** What a scenario may name. @public */
export interface SimulationPlugins {
  readonly strategies: readonly Strategy<unknown>[];
  /** Selectors that a deployment may name. Default none. */
  readonly selectors?: readonly NodeSelectorPlugin<unknown>[];
  /** As in {@link SimulationRun}. */
  readonly breathe?: () => Promise<void>;
}

/** A scenario of a deployment, and the strategies that it may name. @public */
export interface SimulateOptions extends SimulateRequest, SimulationPlugins {}

/** A scenario of a release train, and the strategies that it may name. @public */
export interface SimulateTrainOptions extends SimulateTrainRequest, SimulationPlugins {}

const defaultUntil = 'PT24H';
const defaultStart = Date.UTC(2026, 0, 1);

/**
 * Tries a deployment over a described fleet in virtual time with the production engine, and tells how it went.
 * @throws HS_CONFIG_INVALID_SCENARIO with `errors` (JSON pointers), HS_STRATEGY_UNKNOWN, HS_STRATEGY_INVALID_CONFIG,
 * HS_DEPLOYMENT_NO_TARGETS
 * @public
 */
export async function simulate({
  strategies,
  selectors = [],
  breathe,
  ...scenario
}: SimulateOptions): Promise<SimulationResult> {
  const request = readScenario(scenario);
  const parts = worldOf(request, { strategies, selectors, ...(breathe ? { breathe } : {}) });
  const { deployment } = request;
  const { moduleId, deploymentId = 'simulated' } = deployment;
  const named = { deployment, moduleId, deploymentId, releaseId: 'new', pointer: '/deployment' } as const;
  return runSimulation({ ...parts, spec: specOf(named, parts.fleet, strategies, selectors) });
}

/**
 * Tries a release train over a described fleet in virtual time, with the production engine and its decisions about trains.
 * Its members go as they are given: only a server knows what they import from one another. Every member is served before on
 * every node that serves at all.
 * @throws as {@link simulate}
 * @public
 */
export async function simulateTrain({
  strategies,
  selectors = [],
  breathe,
  ...scenario
}: SimulateTrainOptions): Promise<TrainSimulationResult> {
  const request = checkTrainScenario(scenario);
  const { fleet, ...parts } = worldOf(request, { strategies, selectors, ...(breathe ? { breathe } : {}) });
  const { moduleIds, trainId = 'train-simulated', common: deployment } = request.train;
  const names = moduleIds.map(moduleNameOf);
  const twice = names.findIndex((name, n) => names.indexOf(name) !== n);
  if (twice >= 0)
    throw invalidScenario([
      { pointer: `/train/moduleIds/${String(twice)}`, detail: `names ${names[twice] ?? ''} a second time` },
    ]);
  const before = Object.fromEntries(names.map((name) => [name, [{ releaseId: `${name}-old`, weight: 100 }]]));
  const nodes = fleet.map(({ serving = [], ...node }) => ({
    ...node,
    serving: [],
    ...(serving.length > 0 ? { alsoServing: before } : {}),
  }));
  const members = moduleIds.map((moduleId, n) => {
    const [name, pointer] = [names[n] ?? '', '/train'] as const;
    const named = { deployment, moduleId, deploymentId: `${trainId}-${name}`, releaseId: `${name}-new`, pointer };
    return { spec: trainMemberSpec(trainId, specOf(named, nodes, strategies, selectors)), after: [] };
  });
  return runTrain({ ...parts, trainId, fleet: nodes, members, order: 'given' });
}

function worldOf(
  { fleet, script = {}, seed = 1, until, startsAt }: Omit<CheckedSimulation, 'deployment'>,
  plugins: Required<Omit<SimulationPlugins, 'breathe'>> & Pick<SimulationPlugins, 'breathe'>,
): WorldParts {
  if (fleet === undefined)
    throw invalidScenario([{ pointer: '/fleet', detail: 'must be given where no server knows one' }]);
  return {
    ...plugins,
    fleet: describedFleet(fleet),
    script,
    seed,
    untilMs: scenarioMs(until ?? defaultUntil),
    startsAtMs: startsAt === undefined ? defaultStart : Date.parse(startsAt),
  };
}
