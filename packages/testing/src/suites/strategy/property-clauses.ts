import assert from 'node:assert/strict';
import { hasPosition, nodeCount, type EffectInput, type JournalEntry } from '@hotswap/core';
import { journalOutline } from '../../scenario/record-journal.ts';
import { simulateRollout, type Simulation } from '../../scenario/simulation.ts';
import type { Clauses } from '../define-suite.ts';
import { drawnRollouts } from './drawn-fleets.ts';
import { assertReplays } from './replay-assertion.ts';
import type { StrategyRig } from './strategy-rig.ts';
import { known, watched } from './watched-rollout.ts';

/** Weights of releases on a node, without those that get nothing. */
type Weights = ReadonlyMap<string, number>;

/** Far above what sums of a few dozen weights lose. */
const rounding = 1e-6;

function weightsOf(simulation: Simulation, nodeId: string): Weights {
  const releases = simulation.database.node(nodeId).modules.get('greeter') ?? new Map<string, { weight: number }>();
  return new Map([...releases].filter(([, { weight }]) => weight > 0).map(([id, { weight }]) => [id, weight]));
}

const allWeights = (simulation: Simulation): readonly Weights[] =>
  [...simulation.database.nodes.keys()].map((nodeId) => weightsOf(simulation, nodeId));

const sumOf = (weights: readonly Weights[], releaseId?: string): number =>
  weights.reduce(
    (sum, node) =>
      sum + (releaseId === undefined ? [...node.values()].reduce((a, b) => a + b, 0) : (node.get(releaseId) ?? 0)),
    0,
  );

type Executed = Extract<JournalEntry, { type: 'executed' }>;

/** The shift of traffic that has just been committed, if one has. */
function newShift(
  simulation: Simulation,
): { readonly input: EffectInput<'shiftTraffic'>; readonly frozen: Executed } | null {
  const journal = simulation.journal();
  const last = journal.at(-1);
  const frozen = journal.find((entry) => entry.type === 'executed');
  if (last?.type !== 'began' || last.effect.kind !== 'shiftTraffic' || !frozen) return null;
  return { input: last.effect.input, frozen };
}

/** Whether anything has been taken back so far. */
const tookBack = (simulation: Simulation): boolean =>
  simulation.journal().some((entry) => entry.type === 'began' && entry.effect.kind === 'restore');

/** Properties over fleets of any shape. @internal */
export const propertyClauses: Clauses<StrategyRig> = {
  async 'gives each step the share of requests that it says, on enough nodes to bear it'(rig) {
    for (const { name, options } of drawnRollouts(rig)) {
      await watched(options, (simulation) => {
        const shift = newShift(simulation);
        if (!shift) return;
        const { percent, to, among } = shift.input;
        const { targets, baseline } = shift.frozen;
        const positions = targets.map((_, at) => at).filter((at) => hasPosition(among, at));
        const served = positions.filter((at) =>
          baseline.some(({ nodes, releases }) => releases.length > 0 && hasPosition(nodes, at)),
        ).length;
        const weights = positions.map((at) => weightsOf(simulation, targets[at] ?? ''));
        const expected = served === 0 ? 100 : percent;
        const share = (100 * sumOf(weights, 'v2')) / sumOf(weights);
        assert.ok(Math.abs(share - expected) < rounding, `${name}: asked for ${percent} %, but ${share} % get there`);
        const needed = Math.ceil((served * percent) / 100 - rounding);
        assert.ok(
          nodeCount(to) >= needed,
          `${name}: ${percent} % of what ${served} nodes serve is too much for ${nodeCount(to)}`,
        );
      });
    }
  },

  async 'shares all requests out between the release and what was there before'(rig) {
    for (const { name, options } of drawnRollouts(rig)) {
      await watched(options, (simulation) => {
        const weights = allWeights(simulation);
        for (const node of weights)
          for (const [releaseId, weight] of node) {
            assert.ok(['v1', 'v2'].includes(releaseId), `${name}: ${releaseId} is none of the two`);
            assert.ok(Number.isFinite(weight) && weight > 0, `${name}: ${releaseId} has the weight ${weight}`);
          }
        const all = sumOf(weights);
        const both = sumOf(weights, 'v1') + sumOf(weights, 'v2');
        assert.ok(Math.abs(all - both) < rounding, `${name}: ${both} of ${all}`);
      });
    }
  },

  async 'never serves from fewer nodes than before'(rig) {
    for (const { name, options } of drawnRollouts(rig)) {
      let before: number | undefined;
      await watched(options, (simulation) => {
        const serving = allWeights(simulation).filter((node) => node.size > 0).length;
        before ??= serving;
        assert.ok(serving >= before, `${name}: ${serving} nodes serve, and ${before} did before`);
      });
    }
  },

  async 'never takes the release from a node that serves it, unless it takes it back'(rig) {
    for (const { name, options } of drawnRollouts(rig)) {
      let reached = new Set<string>();
      await watched(options, (simulation) => {
        if (tookBack(simulation)) return;
        const now = [...simulation.database.nodes.keys()].filter((id) => weightsOf(simulation, id).has('v2'));
        for (const nodeId of reached) assert.ok(now.includes(nodeId), `${name}: ${nodeId} serves it no more`);
        reached = new Set(now);
      });
    }
  },

  async 'replays from every beginning, and leaves nothing behind, whichever node is sick'(rig) {
    let loadsIt = false;
    for (const { name, options, sickNode } of drawnRollouts(rig)) {
      // In turn it cannot load the release, and loads it without getting healthy.
      loadsIt = !loadsIt;
      const isWell = ({ nodeId }: { readonly nodeId: string }, releaseId: string): boolean =>
        nodeId !== sickNode || releaseId !== 'v2';
      const simulation = await simulateRollout({
        ...options,
        script: loadsIt ? { healthy: isWell } : { loads: isWell },
      });
      assertReplays(simulation.journal(), known(rig));
      const { status } = (await simulation.state()).summary;
      if (!['RolledBack', 'Failed', 'Cancelled'].includes(status)) continue;
      const outline = `${name}, ${sickNode} sick:\n${journalOutline(simulation.journal()).join('\n')}`;
      assert.equal(simulation.sharePercent('v2'), 0, outline);
      for (const nodeId of simulation.database.nodes.keys())
        assert.ok(!simulation.fleet.loaded(nodeId).includes('v2'), `${nodeId} still holds the release: ${outline}`);
    }
  },
};
