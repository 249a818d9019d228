import type { DeploymentSummary } from '@hotswap/core';
import { journalEvents, journalOutline } from './record-journal.ts';
import { Simulation, type SimulatedDeployment, type SimulationOptions } from './simulation.ts';

/** A moment at which a process dies: before or after its n-th commit. @public */
export interface CrashPoint {
  readonly commit: number;
  readonly when: 'before' | 'after';
}

/** What became of a rollout whose server died at a point. @public */
export interface SurvivedCrash extends CrashPoint {
  /** Whether the journal says the same as that of the run without a crash. */
  readonly same: boolean;
  readonly outline: readonly string[];
  /** How much longer the rollout took. */
  readonly delayMs: number;
  readonly summary: DeploymentSummary;
}

/** The process is gone: nothing it held survives. */
class Crashed extends Error {}

/**
 * Runs a rollout once for each crash point: before and after every commit that follows execute, each time with a fresh
 * engine afterwards that knows only what the store holds.
 * @public
 */
export async function sweepCrashes(
  options: SimulationOptions & SimulatedDeployment,
): Promise<readonly SurvivedCrash[]> {
  const reference = await runWithCrash(options, null);
  const expected = JSON.stringify(journalEvents(reference.simulation.journal()));
  const survived: SurvivedCrash[] = [];
  for (let commit = 0; commit < reference.commits; commit++) {
    for (const when of ['before', 'after'] as const) {
      const { simulation } = await runWithCrash(options, { commit, when });
      survived.push({
        commit,
        when,
        same: JSON.stringify(journalEvents(simulation.journal())) === expected,
        outline: journalOutline(simulation.journal()),
        delayMs: endOf(simulation) - endOf(reference.simulation),
        summary: (await simulation.state()).summary,
      });
    }
  }
  return survived;
}

const endOf = (simulation: Simulation): number => simulation.journal().at(-1)?.at ?? 0;

async function runWithCrash(
  options: SimulationOptions & SimulatedDeployment,
  point: CrashPoint | null,
): Promise<{ readonly simulation: Simulation; readonly commits: number }> {
  let commits = 0;
  let armed = false;
  const failpoint = (name: string): void => {
    if (!armed) return;
    const isAfter = name === 'engine.append.after';
    const hit = point !== null && point.commit === commits && isAfter === (point.when === 'after');
    if (isAfter) commits++;
    if (!hit) return;
    simulation.restart();
    // A crash happens once: the commit that is tried again has the same number.
    armed = false;
    throw new Crashed('the process ends here');
  };
  const simulation: Simulation = new Simulation({ ...options, failpoint });
  await simulation.deploy(options);
  armed = true;
  await simulation.finish();
  return { simulation, commits };
}
