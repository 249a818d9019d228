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
import type { createDeploymentSchema } from '@hotswap/protocol';
import type { SimulatedNode } from '@hotswap/testing';
import type { z } from 'zod';
import { invalidScenario } from './read-scenario.ts';

/** Which deployment of a scenario is meant. @internal */
export interface ScenarioDeployment {
  /** Everything that a deployment takes. */
  readonly deployment: Omit<z.output<typeof createDeploymentSchema>, 'moduleId' | 'deploymentId'>;
  readonly moduleId: string;
  readonly deploymentId: string;
  /** Of what is rolled out, and of its shadow. */
  readonly releaseId: string;
  /** Where the scenario says so. */
  readonly pointer: '/deployment' | '/train';
}

/** Name of a module by the id of a version. @internal */
export const moduleNameOf = (moduleId: string): string => moduleId.replace(/-v\d+\.\d+\.\d+(?:-[0-9a-z.-]+)?$/, '');

/**
 * The deployment that a scenario describes, every default filled in where no server fills it.
 * @throws HS_CONFIG_INVALID_SCENARIO, HS_STRATEGY_UNKNOWN, HS_STRATEGY_INVALID_CONFIG
 * @internal
 */
export function specOf(
  { deployment, moduleId, deploymentId, releaseId, pointer }: ScenarioDeployment,
  fleet: readonly SimulatedNode[],
  strategies: readonly Strategy<unknown>[],
  selectors: readonly NodeSelectorPlugin<unknown>[],
): DeploymentSpec {
  const { strategy: name, targetRegions } = deployment;
  if (name === undefined)
    throw invalidScenario([{ pointer: `${pointer}/strategy`, detail: 'must be given where no server recommends one' }]);
  const strategy = strategies.filter((known) => known.name === name).sort((a, b) => b.version - a.version)[0];
  if (!strategy)
    throw hotSwapError('HS_STRATEGY_UNKNOWN', {
      strategy: name,
      known: [...new Set(strategies.map((known) => known.name))].sort().join(', '),
    });
  const known = new Set(fleet.map((node) => node.region));
  const strange = targetRegions?.findIndex((region) => !known.has(region)) ?? -1;
  if (strange >= 0)
    throw invalidScenario([
      { pointer: `${pointer}/targetRegions/${String(strange)}`, detail: 'no node is in this region' },
    ]);
  const config = parseStrategyConfig(strategy, deployment.canaryConfig ?? deployment.strategyConfig ?? {});
  return {
    tenant: 'default',
    deploymentId,
    moduleName: moduleNameOf(moduleId),
    moduleId,
    releaseId,
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
      : { traffic: { mirror: { ...deployment.traffic.mirror, releaseId: `${releaseId}-shadow` } } }),
    ...(deployment.nodeSelector === undefined
      ? {}
      : { nodeSelector: parseNodeSelectors(selectors, deployment.nodeSelector) }),
  };
}
