import { setImmediate as nextTurn } from 'node:timers/promises';
import { durationMs, type CandidateNode, type Clock, type Release } from '@hotswap/core';
import type { SimulationConditions } from '@hotswap/protocol';
import { simulatorError, type SimulationRun } from '@hotswap/simulator';
import type { ServerParts } from '../server-parts.ts';

/** Nodes that a server simulates: beyond that, one caller would keep it from everybody else. */
const mostNodes = 20_000;
/** Time that one simulation may take, spread over turns of the event loop. */
const mostRealMs = 15_000;
/** Longest stretch without a look at anything else. */
const turnMs = 20;
const longestUntilMs = 31 * 86_400_000;
const defaultUntilMs = 86_400_000;

/**
 * How a simulation runs on a server, which has others to answer meanwhile.
 * @throws HS_LIMIT_SIMULATION when there are too many nodes; `breathe` when it takes too long
 * @internal
 */
export function boundedConditions(
  clock: Clock,
  nodes: number,
  { script = {}, seed = 1, until, startsAt }: Omit<SimulationConditions, 'fleet'>,
): Pick<SimulationRun, 'script' | 'seed' | 'untilMs' | 'startsAtMs' | 'breathe'> {
  if (nodes > mostNodes)
    throw simulatorError('HS_LIMIT_SIMULATION', {
      why: `${String(nodes)} nodes are more than the ${String(mostNodes)} that a server simulates`,
    });
  const untilMs = until === undefined ? defaultUntilMs : durationMs(String(until));
  return {
    script,
    seed,
    untilMs: Math.min(untilMs, longestUntilMs),
    startsAtMs: startsAt === undefined ? clock.now() : Date.parse(startsAt),
    breathe: politely(),
  };
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

/** A node of the fleet as it is now. @internal */
export function simulatedNode(node: CandidateNode): SimulationRun['fleet'][number] {
  const { nodeId, region, zone, labels, reachable, serving, hasModule: _hasModule, ...inventory } = node;
  return { nodeId, region, labels, reachable, serving, inventory, ...(zone === null ? {} : { zone }) };
}

/** Releases that serve now: a rollback asks for their health by their own checks. @internal */
export async function servedReleases(
  { releases }: Pick<ServerParts, 'releases'>,
  tenant: string,
  nodes: SimulationRun['fleet'],
): Promise<readonly Release[]> {
  const lists = new Set(
    nodes.flatMap(({ serving = [], alsoServing = {} }) => [serving, ...Object.values(alsoServing)]),
  );
  const ids = new Set([...lists].flatMap((served) => served.map(({ releaseId }) => releaseId)));
  // A described fleet may serve a release that nobody has registered.
  return releases.getSome(tenant, [...ids]);
}
