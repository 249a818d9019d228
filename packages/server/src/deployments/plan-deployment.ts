import type { Release } from '@hotswap/core';
import type { simulateRequestSchema, SimulationResult } from '@hotswap/protocol';
import { describedFleet, runSimulation } from '@hotswap/simulator';
import type { z } from 'zod';
import type { Principal } from '../auth/principal.ts';
import type { ServerParts } from '../server-parts.ts';
import { diffFromLive } from './diff-from-live.ts';
import { draftDeployment } from './create-deployment.ts';
import { boundedConditions, servedReleases, simulatedNode } from './simulated-fleet.ts';

/** A simulation as the schema read it. @internal */
export type PlannedDeployment = z.output<typeof simulateRequestSchema>;

/**
 * What a deployment would change, and how it would go, by the production engine in virtual time: over the fleet as it is
 * now unless another is described. Nothing is written.
 * @throws what creating and executing it would, HS_LIMIT_SIMULATION
 * @internal
 */
export async function planDeployment(
  parts: ServerParts,
  { deployment, fleet, ...conditions }: PlannedDeployment,
  author: Principal,
): Promise<SimulationResult> {
  const described = fleet && describedFleet(fleet);
  const regions = described && [...new Set(described.map((node) => node.region))];
  const { content, spec } = await draftDeployment(
    regions ? { ...parts, fleet: { regions: () => Promise.resolve(regions) } } : parts,
    deployment,
    author,
  );
  const nodes =
    described ?? (await parts.fleet.candidates(spec.tenant, spec.moduleName, spec.regions)).map(simulatedNode);
  const release: Release = { ...content, releaseId: spec.releaseId };
  const served = await servedReleases(parts, spec.tenant, nodes);
  const bounds = boundedConditions(parts.clock, nodes.length, conditions);
  const result = await runSimulation({
    spec: { ...spec, requireApproval: false },
    strategies: parts.strategies,
    selectors: parts.selectors,
    sources: parts.metricsSources,
    fleet: nodes,
    releases: [...served.filter(({ releaseId }) => releaseId !== release.releaseId), release],
    ...bounds,
  });
  return {
    ...result,
    ...(await parts.policies.foretold(spec, bounds.startsAtMs)),
    releaseDiff: await diffFromLive(parts, release),
  };
}
