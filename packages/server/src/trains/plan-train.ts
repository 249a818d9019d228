import { isHotSwapError, trainMemberSpec, type Release } from '@hotswap/core';
import type { CheckedTrainSimulation, SimulatedMember, TrainSimulationResult } from '@hotswap/protocol';
import { describedFleet, runTrain, type SimulationRun, type TrainRunMember } from '@hotswap/simulator';
import type { Principal } from '../auth/principal.ts';
import { diffFromLive } from '../deployments/diff-from-live.ts';
import { draftDeployment } from '../deployments/create-deployment.ts';
import { boundedConditions, servedReleases, simulatedNode } from '../deployments/simulated-fleet.ts';
import { requireSafe, type GateFindings } from '../interfaces/interface-gate.ts';
import type { ServerParts } from '../server-parts.ts';
import { memberId, placeMembers, type PlacedMember } from './place-members.ts';

type Node = SimulationRun['fleet'][number];

/** A member as it would be, and what the gate says of its turn. */
interface PlannedMember extends TrainRunMember {
  readonly release: Release;
  readonly found: Pick<SimulatedMember, 'breaks' | 'refusal'>;
}

/**
 * What a release train would change, member by member, whom it would break at which turn, and how the whole would go: the
 * production engine and the production decisions of trains in virtual time, over the fleet as it is now unless another is
 * described. Nothing is written. What only interfaces forbid is told, and simulated as if it were allowed.
 * @throws what creating and executing it would but for interfaces, HS_LIMIT_SIMULATION, HS_CONFIG_INVALID_SCENARIO
 * @internal
 */
export async function planTrain(
  parts: ServerParts,
  { train, fleet, ...conditions }: CheckedTrainSimulation,
  author: Principal,
): Promise<TrainSimulationResult> {
  const { trainId = 'train-planned', order } = train;
  const described = fleet && describedFleet(fleet);
  const regions = described && [...new Set(described.map((node) => node.region))];
  const drafting = regions ? { ...parts, fleet: { regions: () => Promise.resolve(regions) } } : parts;
  const placed = await placeMembers(parts.modules, author.tenant, train);
  const members: PlannedMember[] = [];
  for (const member of placed) members.push(await planMember(drafting, member, { ...train, trainId }, author));
  const nodes = described ? describedNodes(described, placed) : await nodesNow(parts, members);
  const releases = members.map(({ release }) => release);
  const served = await servedReleases(parts, author.tenant, nodes);
  const bounds = boundedConditions(parts.clock, nodes.length, conditions);
  const result = await runTrain({
    trainId,
    members,
    order,
    strategies: parts.strategies,
    selectors: parts.selectors,
    sources: parts.metricsSources,
    fleet: nodes,
    releases: [...served.filter(({ releaseId }) => releases.every((own) => own.releaseId !== releaseId)), ...releases],
    ...bounds,
  });
  const told = result.members.map(async (member, n) => {
    const planned = members[n] as PlannedMember;
    return { ...member, ...planned.found, releaseDiff: await diffFromLive(parts, planned.release) };
  });
  return {
    ...result,
    ...(await parts.policies.foretold({ ...author, deploymentId: trainId }, bounds.startsAtMs)),
    members: await Promise.all(told),
  };
}

async function planMember(
  parts: Omit<ServerParts, 'fleet'> & { readonly fleet: Pick<ServerParts['fleet'], 'regions'> },
  { module, after, ahead }: PlacedMember,
  { common, trainId }: CheckedTrainSimulation['train'] & { readonly trainId: string },
  author: Principal,
): Promise<PlannedMember> {
  let findings: GateFindings | null = null;
  const check: ServerParts['gate']['check'] = async (question) => {
    findings = await parts.gate.check(question);
    return { ...findings, misfits: [], problems: [], consumers: [] };
  };
  const body = { ...common, moduleId: module.moduleId, deploymentId: memberId(trainId, module) };
  const { content, spec } = await draftDeployment({ ...parts, gate: { check } }, body, author, ahead);
  const refusal = findings === null ? null : refusalOf(findings, module, body);
  return {
    after,
    release: { ...content, releaseId: spec.releaseId },
    spec: { ...trainMemberSpec(trainId, spec), requireApproval: false },
    found: {
      breaks: (findings as GateFindings | null)?.consumers ?? [],
      ...(refusal === null ? {} : { refusal }),
    },
  };
}

/** Why the train would not be created because of a member's interfaces; `null`: it would. */
function refusalOf(
  findings: GateFindings,
  module: PlacedMember['module'],
  body: CheckedTrainSimulation['train']['common'],
): NonNullable<SimulatedMember['refusal']> | null {
  try {
    requireSafe(findings, module, {
      allowBreaking: body.allowBreaking === true,
      choosesNodes: 'nodeSelector' in body,
    });
    return null;
  } catch (error) {
    if (!isHotSwapError(error)) throw error;
    return { code: error.code, detail: error.message };
  }
}

/** Nodes that could be a target of any member, each with what it serves of every one. */
async function nodesNow({ fleet }: ServerParts, members: readonly PlannedMember[]): Promise<readonly Node[]> {
  const nodes = new Map<string, Node>();
  for (const { spec } of members)
    for (const candidate of await fleet.candidates(spec.tenant, spec.moduleName, spec.regions)) {
      const known = nodes.get(candidate.nodeId) ?? { ...simulatedNode(candidate), serving: [], alsoServing: {} };
      const alsoServing = { ...known.alsoServing, [spec.moduleName]: candidate.serving };
      nodes.set(candidate.nodeId, { ...known, alsoServing });
    }
  return [...nodes.values()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
}

/** Every member is served before on every described node that serves at all. */
function describedNodes(described: readonly Node[], placed: readonly PlacedMember[]): readonly Node[] {
  const alsoServing = Object.fromEntries(
    placed.map(({ module: { name } }) => [name, [{ releaseId: `${name}-old`, weight: 100 }]]),
  );
  return described.map(({ serving = [], ...node }) => ({
    ...node,
    serving: [],
    ...(serving.length > 0 ? { alsoServing } : {}),
  }));
}
