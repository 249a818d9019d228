import { canonicalJson, type CandidateNode } from '@hotswap/core';
import type { SimulatedChange } from '@hotswap/protocol';

type Serving = CandidateNode['serving'];

/** Longest list of nodes that a group names. */
const mostNamed = 100;

/**
 * What is other on the targets after a simulation, in groups of nodes of one region that change alike.
 * @internal
 */
export function describeChanges(
  before: readonly CandidateNode[],
  after: readonly CandidateNode[],
  targets: readonly string[],
): readonly SimulatedChange[] {
  const wanted = new Set(targets);
  const servingAfter = new Map(after.map((node) => [node.nodeId, node.serving]));
  const texts = new Map<Serving, string>();
  const textOf = (serving: Serving): string => {
    const text = texts.get(serving) ?? canonicalJson(serving);
    texts.set(serving, text);
    return text;
  };
  const groups = Map.groupBy(
    before.filter((node) => wanted.has(node.nodeId)),
    ({ nodeId, region, serving }) => `${region} ${textOf(serving)} ${textOf(servingAfter.get(nodeId) ?? [])}`,
  );
  return [...groups.values()].map((nodes) => {
    const [first] = nodes as [CandidateNode];
    const next = servingAfter.get(first.nodeId) ?? [];
    return {
      region: first.region,
      nodeCount: nodes.length,
      nodeIds: nodes.slice(0, mostNamed).map((node) => node.nodeId),
      before: sharesOf(first.serving),
      after: sharesOf(next),
      sentence: `${String(nodes.length)} ${nodes.length === 1 ? 'node' : 'nodes'} in ${first.region}: ${
        textOf(first.serving) === textOf(next)
          ? `${servingText(next)}, as before`
          : `${servingText(first.serving)} -> ${servingText(next)}`
      }`,
    };
  });
}

/** Weights in percent of the node's own requests. */
function sharesOf(serving: Serving): SimulatedChange['before'] {
  const all = serving.reduce((sum, { weight }) => sum + weight, 0);
  return serving.map(({ releaseId, weight }) => ({ releaseId, weight: Number(((100 * weight) / all).toFixed(2)) }));
}

function servingText(serving: Serving): string {
  const shares = sharesOf(serving);
  if (shares.length === 0) return 'nothing';
  if (shares.length === 1) return (shares[0] as (typeof shares)[number]).releaseId;
  return shares.map(({ releaseId, weight }) => `${releaseId} (${String(weight)} %)`).join(' and ');
}
