import {
  defaultAutoRollback,
  hotSwapError,
  parseNodeSelectors,
  parseStrategyConfig,
  resolveHealthCheck,
  type DeploymentSpec,
  type NodeSelectorPlugin,
  type Strategy,
} from '@hotswap/core';
import {
  simulateRequestSchema,
  type SimulatedFleet,
  type SimulateRequest,
  type SimulationResult,
} from '@hotswap/protocol';
import type { SimulatedNode } from '@hotswap/testing';
import { scenarioMs } from './active-period.ts';
import { simulatorError } from './error-codes.ts';
import { runSimulation, type SimulationRun } from './run-simulation.ts';

/** A scenario, and the strategies that it may name. @public */
export interface SimulateOptions extends SimulateRequest {
  readonly strategies: readonly Strategy<unknown>[];
  /** Selectors that the deployment may name. Default none. */
  readonly selectors?: readonly NodeSelectorPlugin<unknown>[];
  /** As in {@link SimulationRun}. */
  readonly breathe?: () => Promise<void>;
}

const defaultUntil = 'PT24H';
const defaultStart = Date.UTC(2026, 0, 1);
/** Releases of a described fleet: before, and what is rolled out. */
const oldRelease = 'old';
const shadowRelease = 'new-shadow';
const newRelease = 'new';

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
  if (request.fleet === undefined)
    throw invalid([{ pointer: '/fleet', detail: 'must be given where no server knows one' }]);
  const fleet = describedFleet(request.fleet);
  const run: SimulationRun = {
    strategies,
    selectors,
    fleet,
    spec: specOf(request, fleet, strategies, selectors),
    script: request.script ?? {},
    seed: request.seed ?? 1,
    untilMs: scenarioMs(request.until ?? defaultUntil),
    startsAtMs: request.startsAt === undefined ? defaultStart : Date.parse(request.startsAt),
    ...(breathe ? { breathe } : {}),
  };
  return runSimulation(run);
}

type ReadScenario = ReturnType<typeof simulateRequestSchema.parse>;

/**
 * Reads a scenario: the contents of a scenario file.
 * @throws HS_CONFIG_INVALID_SCENARIO with `errors`, each with a JSON pointer
 * @public
 */
export function readScenario(value: unknown): ReadScenario {
  const read = simulateRequestSchema.safeParse(value);
  if (read.success) return read.data;
  throw invalid(
    read.error.issues.map((issue) => {
      const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
      return {
        pointer: path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
        detail: issue.message,
      };
    }),
  );
}

function invalid(errors: readonly { readonly pointer: string; readonly detail: string }[]): Error {
  const why = errors.map(({ pointer, detail }) => `${pointer === '' ? 'the whole' : pointer} ${detail}`).join('; ');
  return simulatorError('HS_CONFIG_INVALID_SCENARIO', { why, pointer: errors[0]?.pointer ?? '', errors: [...errors] });
}

/** The nodes that a description means. Regions come first, each with numbered nodes. @public */
export function describedFleet({ regions = {}, nodes = [], serves = true }: SimulatedFleet): readonly SimulatedNode[] {
  const serving = [{ releaseId: oldRelease, weight: 100 }];
  const nothing: typeof serving = [];
  const numbered = Object.entries(regions).flatMap(([region, count]) =>
    Array.from({ length: count }, (_, n) => ({
      nodeId: `${region}-${String(n).padStart(String(count - 1).length, '0')}`,
      region,
      serving: serves ? serving : nothing,
    })),
  );
  const single = nodes.map(({ serves: own = true, ...node }) => ({ ...node, serving: own ? serving : nothing }));
  const all = [...numbered, ...single];
  if (new Set(all.map(({ nodeId }) => nodeId)).size < all.length)
    throw invalid([{ pointer: '/fleet/nodes', detail: 'must not name a node twice' }]);
  return all;
}

function specOf(
  { deployment }: ReadScenario,
  fleet: readonly SimulatedNode[],
  strategies: readonly Strategy<unknown>[],
  selectors: readonly NodeSelectorPlugin<unknown>[],
): DeploymentSpec {
  const { strategy: name, moduleId, targetRegions } = deployment;
  if (name === undefined)
    throw invalid([{ pointer: '/deployment/strategy', detail: 'must be given where no server recommends one' }]);
  const strategy = strategies.filter((known) => known.name === name).sort((a, b) => b.version - a.version)[0];
  if (!strategy)
    throw hotSwapError('HS_STRATEGY_UNKNOWN', {
      strategy: name,
      known: [...new Set(strategies.map((known) => known.name))].sort().join(', '),
    });
  const known = new Set(fleet.map((node) => node.region));
  const strange = targetRegions?.findIndex((region) => !known.has(region)) ?? -1;
  if (strange >= 0)
    throw invalid([{ pointer: `/deployment/targetRegions/${String(strange)}`, detail: 'no node is in this region' }]);
  const config = parseStrategyConfig(strategy, deployment.canaryConfig ?? deployment.strategyConfig ?? {});
  return {
    tenant: 'default',
    deploymentId: deployment.deploymentId ?? 'simulated',
    moduleName: moduleId.replace(/-v\d+\.\d+\.\d+(?:-[0-9a-z.-]+)?$/, ''),
    moduleId,
    releaseId: newRelease,
    strategy: name,
    config,
    regions: targetRegions ?? null,
    healthCheck: resolveHealthCheck(
      deployment.release?.healthCheck,
      deployment.healthCheck,
      strategy.healthCheck?.(config) ?? {},
    ),
    autoRollback: deployment.autoRollback ?? defaultAutoRollback,
    progressDeadline: deployment.progressDeadline ?? 'PT30M',
    retention: deployment.retention ?? 'PT1H',
    author: 'operator',
    ...(deployment.traffic?.mirror === undefined
      ? {}
      : { traffic: { mirror: { ...deployment.traffic.mirror, releaseId: shadowRelease } } }),
    ...(deployment.nodeSelector === undefined
      ? {}
      : { nodeSelector: parseNodeSelectors(selectors, deployment.nodeSelector) }),
  };
}
