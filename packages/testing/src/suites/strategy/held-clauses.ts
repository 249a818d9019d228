import assert from 'node:assert/strict';
import { hasPosition, type JournalEntry } from '@hotswap/core';
import { journalOutline } from '../../scenario/record-journal.ts';
import { healthyMetrics, type MetricsQuery } from '../../scenario/scripted-metrics.ts';
import { Simulation } from '../../scenario/simulation.ts';
import type { Clauses } from '../define-suite.ts';
import type { StrategyRig } from './strategy-rig.ts';
import { scenario, watched, type Scenario } from './watched-rollout.ts';

/** Moments of a rollout that are tried; its commits are spread over them. */
const triedMoments = 12;
/** Longer than a restore on a fleet that answers. */
const settledMs = 20_000;

/** A rollout up to a moment, from which on the nodes that serve the release give errors; somebody may hold it just before. */
async function failingFrom(moment: number, options: Scenario, isHeld: boolean): Promise<Simulation> {
  let sick: readonly number[] = [];
  const simulation = new Simulation({
    ...options,
    metrics: (query: MetricsQuery) => {
      const measured = options.metrics?.(query) ?? healthyMetrics;
      const isSick = query.variant === 'v2' && sick.some((position) => hasPosition(query.nodes, position));
      return isSick ? { ...measured, errorRatePercent: 50 } : measured;
    },
  });
  await simulation.deploy(options);
  await simulation.time.run(moment);
  if (isHeld) await simulation.command('pause');
  sick = servingPositions(simulation);
  await simulation.time.advance(settledMs);
  return simulation;
}

function servingPositions(simulation: Simulation): readonly number[] {
  const executed = simulation.journal().find((entry) => entry.type === 'executed');
  return (executed?.targets ?? []).flatMap((nodeId, position) =>
    (simulation.database.node(nodeId).modules.get('greeter')?.get('v2')?.weight ?? 0) > 0 ? [position] : [],
  );
}

interface TakenBack {
  /** The step that the trigger ended. */
  readonly step: number;
  /** Nodes of each restore, and whether the rollout turned back as a whole. */
  readonly what: readonly unknown[];
}

/** What follows from the first trigger that fired; `null` when none has. */
function takenBack(journal: readonly JournalEntry[]): TakenBack | null {
  const fired = journal.findIndex(
    (entry) => entry.type === 'ended' && !entry.result.ok && entry.result.failure.cause === 'trigger',
  );
  const trigger = journal[fired];
  if (trigger?.type !== 'ended') return null;
  const what = journal.slice(fired + 1).flatMap((entry): readonly unknown[] => {
    if (entry.type === 'turned') return entry.to === 'rollback' ? ['all of it'] : [];
    return entry.type === 'began' && entry.effect.kind === 'restore' ? [entry.effect.input.nodes] : [];
  });
  return { step: trigger.step, what };
}

/** Moments at which something was committed. */
async function momentsOf(options: Scenario): Promise<readonly number[]> {
  const moments = new Set<number>();
  await watched(options, (simulation) => moments.add(simulation.time.now()));
  const every = Math.ceil(moments.size / triedMoments);
  return [...moments].filter((_, at) => at % every === 0);
}

/** @internal */
export const heldClauses: Clauses<StrategyRig> = {
  async 'takes back the same when a trigger fires, whether somebody holds it or not'(rig) {
    for (const config of rig.configs) {
      const options = scenario(rig, config);
      for (const moment of await momentsOf(options)) {
        const free = takenBack((await failingFrom(moment, options, false)).journal());
        if (free === null) continue;
        const simulation = await failingFrom(moment, options, true);
        const held = takenBack(simulation.journal());
        // Without the hold it may get a step further before anybody looks at the triggers.
        if (free.step !== (held?.step ?? heldStep(simulation.journal()))) continue;
        assert.deepEqual(held?.what ?? [], free.what, journalOutline(simulation.journal()).join('\n'));
      }
    }
  },
};

/** The step that a hold has stopped. */
function heldStep(journal: readonly JournalEntry[]): number | undefined {
  const last = journal.findLast(({ type }) => type === 'began' || type === 'ended');
  return last?.type === 'began' ? last.step : undefined;
}
