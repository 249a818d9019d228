import {
  isHotSwapError,
  nodeSetOf,
  noMetrics,
  type DeploymentCommand,
  type Json,
  type NodeSet,
  type Strategy,
} from '@hotswap/core';
import { healthyMetrics } from '../scenario/scripted-metrics.ts';
import { SeededRandom } from '../scenario/seeded-random.ts';
import { instantRouter, Simulation, type SimulatedNode } from '../scenario/simulation.ts';
import { historyViolations, type RolloutHistory } from './history-checker.ts';

/** A strategy, and configurations for it that chance may choose. @public */
export interface SeededStrategy {
  readonly strategy: Strategy<unknown>;
  readonly config: (random: SeededRandom) => Json;
}

/** What a seed led to. @public */
export interface SeededRun {
  readonly seed: number;
  /** In a few words: what was tried. */
  readonly story: readonly string[];
  readonly statuses: Readonly<Record<string, string>>;
  /** Empty: everything held. */
  readonly violations: readonly string[];
}

const commands: readonly DeploymentCommand[] = ['pause', 'resume', 'promote', 'retry', 'abort', 'rollback', 'execute'];
/** Virtual time in which chance strikes; afterwards everything heals. */
const stormMs = 180_000;
/** Virtual time that a healed system has to come to an end. */
const calmMs = 4 * 3_600_000;
/** Times that a pause is answered before the deployment is given up. */
const mostAnswers = 40;
const tenant = 'default';

/** The process is gone at this commit. */
class Crashed extends Error {}

/**
 * Everything at once, decided by one number: fleet, strategy, configuration, latencies, nodes that fail and come and go,
 * engines that race and die between commits, people who command, a second deployment of the same module. Then all heals,
 * and what happened is held against the invariants.
 * @public
 */
export async function rollOutBySeed(seed: number, strategies: readonly SeededStrategy[]): Promise<SeededRun> {
  const storm = new Storm(seed, strategies);
  await storm.play();
  return storm.result();
}

class Storm {
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #strategies: readonly SeededStrategy[];
  readonly #simulation: Simulation;
  readonly #story: string[] = [];
  readonly #served: NonNullable<RolloutHistory['served']>[number][] = [];
  readonly #reports: { nodeId: string; generation: number }[] = [];
  readonly #crashes: Set<number>;
  readonly #violations: string[] = [];
  #commits = 0;
  #isCalm = false;

  constructor(seed: number, strategies: readonly SeededStrategy[]) {
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
    this.#strategies = strategies;
    const random = this.#random;
    this.#crashes = new Set(Array.from({ length: random.between(0, 3) }, () => random.between(0, 25)));
    this.#simulation = new Simulation({
      strategies: strategies.map(({ strategy }) => strategy),
      fleet: makeFleet(random),
      ...this.#makeBehaviour(),
      router: { ...instantRouter, spansNodes: random.chance(0.7) },
      engines: random.chance(0.4) ? 2 : 1,
      interleave: async () => {
        for (let turns = random.between(0, 2); turns > 0; turns--) await Promise.resolve();
      },
      failpoint: () => {
        if (this.#isCalm || !this.#crashes.delete(this.#commits++)) return;
        this.#story.push(`the server died at commit ${this.#commits}`);
        throw new Crashed('the process ends here');
      },
      onCommit: (batches) => {
        for (const { deploymentId, entries } of batches) this.#watch(deploymentId, entries.at(-1)?.seq ?? 0);
      },
    });
    // Whoever dies at a commit is a new process afterwards; here both engines are made anew.
    this.#watchReports();
  }

  async play(): Promise<void> {
    const { time } = this.#simulation;
    this.#schedule();
    await this.#attempt('create', () => this.#begin('d', 'v2'));
    await time.advance(stormMs);
    this.#heal();
    await this.#settle();
  }

  async result(): Promise<SeededRun> {
    const { database, fleet } = this.#simulation;
    const journals = [...database.deployments.keys()].map((id) => database.journal(tenant, id));
    const found = await historyViolations(
      {
        journals,
        reports: this.#reports,
        served: this.#served,
        nodes: [...database.nodes.values()].map(({ nodeId, reachable }) => ({
          nodeId,
          isReachable: reachable,
          releases: fleet.loaded(nodeId),
        })),
        isOver: true,
      },
      this.#strategies.map(({ strategy }) => strategy),
    );
    const statuses = Object.fromEntries(
      [...database.deployments.keys()].map((id) => [id, database.summary(id)?.status ?? 'absent']),
    );
    return { seed: this.#seed, story: this.#story, statuses, violations: [...this.#violations, ...found] };
  }

  #makeBehaviour(): Pick<ConstructorParameters<typeof Simulation>[0], 'metrics' | 'script'> {
    const random = this.#random;
    const slowest = random.pick([20, 200, 3_000]);
    const loadFails = random.chance(0.15) ? random.between(1, 12) : 0;
    const sickFrom = random.chance(0.2) ? random.between(0, stormMs) : Infinity;
    const errorsFrom = random.chance(0.2) ? random.between(0, stormMs) : Infinity;
    const silent = random.chance(0.1);
    const startsAt = Date.UTC(2026, 0, 1);
    const numberOf = (nodeId: string): number => Number(nodeId.split('-').at(-1));
    return {
      script: {
        latencyMs: () => (this.#isCalm ? 20 : random.between(5, slowest)),
        loads: (node, releaseId) =>
          this.#isCalm || releaseId === 'v1' || loadFails === 0 || numberOf(node.nodeId) % 12 !== loadFails - 1,
        healthy: (node, releaseId, now) =>
          this.#isCalm || releaseId === 'v1' || now - startsAt < sickFrom || numberOf(node.nodeId) % 3 > 0,
        ...(random.chance(0.5) ? { recheckMs: random.pick([1_000, 5_000]) } : {}),
      },
      metrics: ({ variant, now }) => {
        if (silent) return noMetrics;
        const isBad = !this.#isCalm && variant !== 'baseline' && variant !== 'v1' && now - startsAt >= errorsFrom;
        return isBad ? { ...healthyMetrics, errorRatePercent: 30 } : healthyMetrics;
      },
    };
  }

  #schedule(): void {
    const random = this.#random;
    const { time, database, fleet } = this.#simulation;
    const nodeIds = [...database.nodes.keys()];
    const soon = (run: () => void | Promise<void>): void => time.after(random.between(0, stormMs), run);
    for (const nodeId of random.some(nodeIds, random.pick([0, 0.1, 0.4]))) {
      soon(() => {
        this.#story.push(`${nodeId} went`);
        fleet.disconnect(nodeId);
        this.#simulation.nudge(nodeId);
        time.after(random.between(100, 60_000), () => {
          if (!this.#isCalm) fleet.connect(nodeId);
        });
      });
    }
    for (let n = random.between(0, 2); n > 0; n--)
      soon(() => {
        const nodeId = `late-${n}`;
        database.addNode({ nodeId, region: 'us-east' });
      });
    for (let n = random.between(0, 4); n > 0; n--) {
      const command = random.pick(commands);
      soon(() => this.#attempt(command, () => this.#command('d', command)));
    }
    if (random.chance(0.3)) soon(() => this.#attempt('a second deployment', () => this.#begin('e', 'v3')));
    if (random.chance(0.3))
      soon(() => {
        this.#story.push('every server stopped');
        this.#simulation.stop();
        time.after(random.between(1_000, 60_000), () => {
          this.#simulation.restart();
        });
      });
  }

  async #begin(deploymentId: string, releaseId: string): Promise<void> {
    const { strategy, config } = this.#random.pick(this.#strategies);
    const spec = { deploymentId, releaseId, moduleId: `greeter-${releaseId}`, retention: 'PT1M' };
    this.#story.push(`${strategy.name} of ${releaseId}`);
    if (this.#simulation.engines.length === 0) return;
    await this.#simulation.create({ strategy: strategy.name, config: config(this.#random), spec });
    await this.#command(deploymentId, 'execute');
  }

  async #command(deploymentId: string, command: DeploymentCommand): Promise<void> {
    if (this.#simulation.engines.length === 0) return;
    const engine = this.#random.pick(this.#simulation.engines);
    await engine.command(tenant, deploymentId, command, 'bob');
  }

  /** What is refused is refused for a reason, and who died has to be started anew; anything else is a fault of the engine. */
  async #attempt(what: string, deed: () => Promise<void>): Promise<void> {
    this.#story.push(what);
    try {
      await deed();
    } catch (error) {
      if (error instanceof Crashed) this.#simulation.restart();
      else if (isHotSwapError(error) && error.code !== 'HS_JOURNAL_CORRUPT') this.#story.push(`refused: ${error.code}`);
      else this.#violations.push(`${what} threw ${String(error)}`);
    }
  }

  #heal(): void {
    const { database, fleet } = this.#simulation;
    this.#isCalm = true;
    this.#simulation.restart();
    for (const { nodeId } of database.nodes.values()) fleet.connect(nodeId);
    for (const deploymentId of database.deployments.keys())
      this.#simulation.scheduler.request({ tenant, deploymentId, at: this.#simulation.time.now() });
  }

  /** Answers whatever waits for people until everything has ended; what cannot be answered is aborted. */
  async #settle(): Promise<void> {
    const { time, database } = this.#simulation;
    const until = time.now() + calmMs;
    for (let answers = 0; answers < mostAnswers && time.now() < until; answers++) {
      await time.run(until, () => this.#isAtWork());
      for (const deploymentId of database.deployments.keys()) {
        const { allowed, summary } = await this.#simulation.state(deploymentId);
        if (summary.status === 'Pending') await this.#attempt('abort', () => this.#command(deploymentId, 'abort'));
        if (summary.status !== 'Paused') continue;
        const fitting = (['resume', 'promote', 'retry'] as const).filter((command) => allowed.includes(command));
        const answer = fitting.length === 0 || answers > mostAnswers / 2 ? 'abort' : this.#random.pick(fitting);
        await this.#attempt(answer, () => this.#command(deploymentId, answer));
      }
    }
    await time.advance(120_000);
    // An engine that throws where no crash was planned has lost its way, even if it finds back.
    for (const error of this.#simulation.errors)
      if (!(error instanceof Crashed)) this.#violations.push(`an engine threw ${String(error)}`);
  }

  #isAtWork(): boolean {
    for (const { summary } of this.#simulation.database.deployments.values())
      if (summary.status === 'InProgress' || summary.status === 'RollingBack') return true;
    return false;
  }

  #watch(deploymentId: string, seq: number): void {
    const row = this.#simulation.database.deployments.get(deploymentId);
    if (!row) return;
    const { moduleName, releaseId } = row.spec;
    const serving = row.targets.flatMap(({ node }, position) =>
      (node.modules.get(moduleName)?.get(releaseId)?.weight ?? 0) > 0 ? [position] : [],
    );
    const nodes: NodeSet = nodeSetOf(serving);
    this.#served.push({ deploymentId, seq, nodes });
  }

  #watchReports(): void {
    const { database } = this.#simulation;
    const observe = database.observe.bind(database);
    database.observe = (node, observed) => {
      this.#reports.push({ nodeId: node.nodeId, generation: observed.generation });
      observe(node, observed);
    };
  }
}

function makeFleet(random: SeededRandom): readonly SimulatedNode[] {
  const regions = ['us-east', 'us-west', 'eu-central', 'ap-south'].slice(0, random.between(1, 4));
  const serves = random.pick([0, 0.5, 1, 1, 1]);
  return regions.flatMap((region) =>
    Array.from({ length: random.between(1, 7) }, (_, n) => ({
      nodeId: `${region}-${n}`,
      region,
      zone: `${region}-${n % 2}`,
      serving: random.chance(serves) ? [{ releaseId: 'v1', weight: 100 }] : [],
      reachable: !random.chance(0.05),
    })),
  );
}
