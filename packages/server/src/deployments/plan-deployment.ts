import { setImmediate as nextTurn } from 'node:timers/promises';
import { durationMs, isHotSwapError, type CandidateNode, type Release } from '@hotswap/core';
import type { simulateRequestSchema, SimulationResult } from '@hotswap/protocol';
import { describedFleet, runSimulation, simulatorError, type SimulationRun } from '@hotswap/simulator';
import type { z } from 'zod';
import type { Principal } from '../auth/principal.ts';
import type { ServerParts } from '../server-parts.ts';
import { diffFromLive } from './diff-from-live.ts';
import { draftDeployment } from './create-deployment.ts';

/** Nodes that a server simulates: beyond that, one caller would keep it from everybody else. */
const mostNodes = 20_000;
/** Time that one simulation may take, spread over turns of the event loop. */
const mostRealMs = 15_000;
/** Longest stretch without a look at anything else. */
const turnMs = 20;
const longestUntilMs = 31 * 86_400_000;
const defaultUntilMs = 86_400_000;

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
  { deployment, fleet, script = {}, seed = 1, until, startsAt }: PlannedDeployment,
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
  if (nodes.length > mostNodes)
    throw simulatorError('HS_LIMIT_SIMULATION', {
      why: `${String(nodes.length)} nodes are more than the ${String(mostNodes)} that a server simulates`,
    });
  const untilMs = until === undefined ? defaultUntilMs : durationMs(String(until));
  const release: Release = { ...content, releaseId: spec.releaseId };
  const served = await servedReleases(parts, spec.tenant, nodes);
  const result = await runSimulation({
    spec: { ...spec, requireApproval: false },
    strategies: parts.strategies,
    selectors: parts.selectors,
    fleet: nodes,
    releases: [...served.filter(({ releaseId }) => releaseId !== release.releaseId), release],
    script,
    seed,
    untilMs: Math.min(untilMs, longestUntilMs),
    startsAtMs: startsAt === undefined ? parts.clock.now() : Date.parse(startsAt),
    breathe: politely(),
  });
  return { ...result, releaseDiff: await diffFromLive(parts, release) };
}

/** Lets the event loop turn now and then, and gives up when a simulation takes too long. */
function politely(): NonNullable<SimulationRun['breathe']> {
  const beganAt = performance.now();
  let turnedAt = beganAt;
  return async () => {
    const now = performance.now();
    if (now - beganAt > mostRealMs)
      throw simulatorError('HS_LIMIT_SIMULATION', {
        why: `it took longer than the ${String(mostRealMs / 1_000)} s that one simulation may take`,
      });
    if (now - turnedAt < turnMs) return;
    await nextTurn();
    turnedAt = performance.now();
  };
}

function simulatedNode(node: CandidateNode): SimulationRun['fleet'][number] {
  const { nodeId, region, zone, labels, reachable, serving, hasModule: _hasModule, ...inventory } = node;
  return { nodeId, region, labels, reachable, serving, inventory, ...(zone === null ? {} : { zone }) };
}

/** Releases that serve now: a rollback asks for their health by their own checks. */
async function servedReleases(
  { releases }: ServerParts,
  tenant: string,
  nodes: SimulationRun['fleet'],
): Promise<readonly Release[]> {
  const ids = new Set(nodes.flatMap(({ serving = [] }) => serving.map(({ releaseId }) => releaseId)));
  const found = await Promise.all(
    [...ids].map((releaseId) =>
      releases.get(tenant, releaseId).catch((error: unknown) => {
        // A described fleet serves a release that nobody has registered.
        if (isHotSwapError(error, 'HS_REGISTRY_RELEASE_NOT_FOUND')) return null;
        throw error;
      }),
    ),
  );
  return found.filter((release) => release !== null);
}
