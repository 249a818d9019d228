import { explainTrain, isHotSwapError, type DeploymentSpec, type Train, type TrainMember } from '@hotswap/core';
import type { SimulatedCommand, TrainSimulationResult } from '@hotswap/protocol';
import { SimulatedTrain } from '@hotswap/testing';
import { scenarioMs } from './active-period.ts';
import type { LiveRollout } from './live-rollout.ts';
import type { SimulationRun } from './simulation-run.ts';
import { SimulatedWorld, type WorldParts } from './simulated-world.ts';

/** A member of a train that is simulated. @public */
export interface TrainRunMember {
  readonly spec: DeploymentSpec;
  /** Members that go first, each with what it gives this one. */
  readonly after: TrainMember['after'];
}

/**
 * A simulation of a release train with everything decided that a request may leave open. What serves before of each member is
 * in `alsoServing` of the nodes, by its module's name; `serving` of all of them is empty.
 * @public
 */
export interface TrainRun extends Omit<SimulationRun, 'spec'> {
  readonly trainId: string;
  /** In the order in which they go. */
  readonly members: readonly TrainRunMember[];
  readonly order: Train['order'];
}

/**
 * Runs the production engine and the production decisions of release trains over a fleet in virtual time. The same run gives
 * the same result to the byte.
 * @throws HS_CONFIG_INVALID_SCENARIO when the script names a module that is no member, and whatever create refuses
 * @public
 */
export async function runTrain({ trainId, members, order, ...parts }: TrainRun): Promise<TrainSimulationResult> {
  const live = new LiveTrain(parts, { trainId, members, order });
  await live.play();
  return live.result();
}

/** One train while it is under way. */
class LiveTrain {
  readonly #parts: WorldParts;
  readonly #members: readonly TrainRunMember[];
  readonly #world: SimulatedWorld;
  readonly #train: SimulatedTrain;
  #endedMs: number | null = null;
  /** What a drive of the train threw that is no refusal: the run ends with it. */
  #failure: unknown = null;

  constructor(parts: WorldParts, { trainId, members, order }: Pick<TrainRun, 'trainId' | 'members' | 'order'>) {
    this.#parts = parts;
    this.#members = members;
    this.#world = new SimulatedWorld(
      parts,
      members.map(({ spec }) => spec),
    );
    const { simulation } = this.#world;
    this.#train = new SimulatedTrain(simulation, {
      trainId,
      order,
      members: members.map(({ spec: { deploymentId, moduleId, moduleName }, after }) => ({
        deploymentId,
        moduleId,
        moduleName,
        after,
      })),
      command: async (deploymentId, command, reason) => {
        const { tenant } = this.#world.rolloutOf(deploymentId)?.spec ?? { tenant: '' };
        const options = reason === undefined ? {} : { reason };
        // Without a server nobody asks; the next one looks at the train anew.
        const [engine] = simulation.engines;
        await engine?.command(tenant, deploymentId, command, 'operator', options);
      },
      onChange: (before, after) => {
        const sentence = explainTrain(before, after);
        if (sentence !== null) this.#world.tell({ source: 'train', type: after.status, sentence });
        this.#endedMs = this.#train.isOver ? this.#world.nowMs() : null;
      },
    });
    this.#world.onCommit = () => this.#train.nudge((error) => this.#hear(error));
  }

  async play(): Promise<void> {
    const world = this.#world;
    await world.begin((type, sentence) => world.tell({ source: 'script', type, sentence }));
    const { commands = [] } = this.#parts.script;
    for (const command of commands)
      world.simulation.time.after(scenarioMs(command.at), () => this.#command(command, command.module));
    await this.#train.update(this.#train.row, { intent: 'wait' });
    await this.#train.tell('execute');
    this.#train.sweep((error) => this.#hear(error));
    this.#train.nudge((error) => this.#hear(error));
    await world.run(() => {
      if (this.#failure !== null) return false;
      const isRetained = this.#train.members.some((member) => member.isRetained) && commands.length > 0;
      if (this.#endedMs !== null) return world.nowMs() <= world.lastLineMs && isRetained;
      return world.rollouts.every((rollout) => world.hasPatience(rollout));
    });
    if (this.#failure !== null) throw this.#failure as Error;
  }

  async result(): Promise<TrainSimulationResult> {
    const { status, reason, order } = this.#train.row;
    const members = [];
    for (const [n, rollout] of this.#world.rollouts.entries())
      members.push({
        moduleId: rollout.spec.moduleId,
        deploymentId: rollout.spec.deploymentId,
        after: this.#members[n]?.after ?? [],
        beganAtMs: rollout.beganMs,
        endedAtMs: rollout.endedMs,
        ...(await this.#world.outcome(rollout, rollout.endedMs)),
      });
    return { status, ...(reason === null ? {} : { reason }), order, ...this.#world.course(this.#endedMs), members };
  }

  /** What somebody asks: of a member, or of the train, or of whose turn it is. */
  async #command(command: SimulatedCommand, moduleName: string | undefined): Promise<void> {
    const { rollouts } = this.#world;
    const asked = (rollout: LiveRollout | undefined): Promise<void> | undefined =>
      rollout && this.#world.command(rollout, command);
    if (moduleName !== undefined) return asked(rollouts.find(({ spec }) => spec.moduleName === moduleName));
    const { command: name, reason } = command;
    if (name !== 'abort' && name !== 'rollback')
      return asked(rollouts.find(({ summary }) => summary?.status !== 'Completed') ?? rollouts.at(-1));
    const wasOver = this.#train.isOver;
    const answer = await this.#train.tell(name, reason);
    if ('refused' in answer) {
      const sentence = `Somebody asked for ${name} of the train, which was refused: ${answer.refused}.`;
      this.#world.tell({ source: 'script', type: name, sentence });
      return;
    }
    if (wasOver) this.#train.sweep((error) => this.#hear(error));
    this.#train.nudge((error) => this.#hear(error));
  }

  /** A conflict, or a server that is gone, is looked at again; nothing else may happen. */
  #hear(error: unknown): void {
    if (!isHotSwapError(error)) this.#failure ??= error;
  }
}
