import {
  isHotSwapError,
  nodeSetOf,
  type DeploymentCommand,
  type DeploymentSpec,
  type Json,
  type NodeSet,
  type Strategy,
} from '@hotswap/core';
import { SeededRandom } from '../scenario/seeded-random.ts';
import { SimulatedTrain } from '../scenario/simulated-train.ts';
import { instantRouter, Simulation } from '../scenario/simulation.ts';
import { historyViolations, type RolloutHistory } from './history-checker.ts';
import { coverageOf, placeOf } from './storm-coverage.ts';
import {
  makeFleet,
  makeMirror,
  makeTally,
  makeWeather,
  stormModules,
  stormReleases,
  type StormModule,
} from './storm-weather.ts';

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
  /** What the run is an example of, each once: endings, steps from which it went back, what went wrong meanwhile. */
  readonly covered: readonly string[];
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
 * Everything at once, decided by one number: fleet, strategy, configuration, messages that are late, lost or doubled, nodes
 * that fail, join, are disabled, come and go, engines that race and die between commits, people who command, further
 * deployments of the same module and of others on the same nodes, release trains. Then all heals, and what happened is held
 * against the invariants.
 * @public
 */
export async function rollOutBySeed(seed: number, strategies: readonly SeededStrategy[]): Promise<SeededRun> {
  const storm = new Storm(seed, strategies);
  await storm.play();
  return storm.result();
}

/** A deployment that chance has chosen. */
interface Wish {
  readonly deploymentId: string;
  readonly module: StormModule;
  readonly releaseId: string;
  readonly regions: readonly string[] | null;
}

class Storm {
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #strategies: readonly SeededStrategy[];
  readonly #simulation: Simulation;
  readonly #story: string[] = [];
  readonly #covered = new Set<string>();
  readonly #served: NonNullable<RolloutHistory['served']>[number][] = [];
  readonly #routed: NonNullable<RolloutHistory['routed']>[number][] = [];
  readonly #reports: { nodeId: string; generation: number }[] = [];
  readonly #crashes: Set<number>;
  readonly #violations: string[] = [];
  #train: SimulatedTrain | null = null;
  #commits = 0;
  #isCalm = false;

  constructor(seed: number, strategies: readonly SeededStrategy[]) {
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
    this.#strategies = strategies;
    const random = this.#random;
    this.#crashes = new Set(Array.from({ length: random.between(0, 3) }, () => random.between(0, 25)));
    const note = (what: string): void => void this.#covered.add(what);
    const engines = random.chance(0.4) ? 2 : 1;
    if (engines > 1) note('two engines race');
    this.#simulation = new Simulation({
      strategies: strategies.map(({ strategy }) => strategy),
      fleet: makeFleet(random),
      releases: stormReleases,
      mirrored: makeTally(random),
      ...makeWeather(random, { isCalm: () => this.#isCalm, note, stormMs }),
      router: { ...instantRouter, spansNodes: random.chance(0.7) },
      engines,
      interleave: async () => {
        for (let turns = random.between(0, 2); turns > 0; turns--) await Promise.resolve();
      },
      failpoint: () => this.#strike(),
      onCommit: (batches) => {
        for (const { deploymentId, entries } of batches) {
          this.#watch(deploymentId, entries.at(-1)?.seq ?? 0);
          if (entries.some((entry) => entry.type === 'turned' && entry.to === 'retention')) this.#regret(deploymentId);
        }
      },
    });
    this.#placeOthers();
    // Whoever dies at a commit is a new process afterwards; here both engines are made anew.
    this.#watchReports();
  }

  async play(): Promise<void> {
    const { time } = this.#simulation;
    this.#schedule();
    if (this.#random.chance(0.2)) await this.#attempt('a train', () => this.#beginTrain());
    else await this.#attempt('create', () => this.#begin(this.#wish('d', stormModules[0], 'v2')));
    await time.advance(stormMs);
    this.#heal();
    await this.#settle();
  }

  async result(): Promise<SeededRun> {
    const { database, fleet } = this.#simulation;
    const journals = [...database.deployments.keys()].map((id) => database.journal(tenant, id));
    for (const entries of journals) for (const what of coverageOf(entries)) this.#covered.add(what);
    const train = this.#train?.row;
    if (train) this.#covered.add(`a train ends as ${train.status}`);
    const found = await historyViolations(
      {
        journals,
        reports: this.#reports,
        served: this.#served,
        routed: this.#routed,
        ...(train ? { trains: [{ ...train, members: train.members.map(({ deploymentId }) => deploymentId) }] } : {}),
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
    return {
      seed: this.#seed,
      story: this.#story,
      statuses,
      covered: [...this.#covered].sort(),
      violations: [...this.#violations, ...found],
    };
  }

  /** Other modules serve on some of the nodes, too. */
  #placeOthers(): void {
    const { database, fleet } = this.#simulation;
    const share = this.#random.pick([0, 0.5, 1]);
    for (const { moduleName, before } of stormModules.slice(1))
      for (const { nodeId } of this.#random.some([...database.nodes.values()], share)) {
        const node = database.node(nodeId);
        node.modules.set(moduleName, new Map([[before, { weight: 100, probe: null }]]));
        fleet.settle(
          nodeId,
          [...node.modules.values()].flatMap((assignments) => [...assignments.keys()]),
        );
      }
  }

  /** The process ends at some commits. */
  #strike(): void {
    if (this.#isCalm || !this.#crashes.delete(this.#commits++)) return;
    const { database } = this.#simulation;
    for (const deploymentId of database.deployments.keys()) {
      const place = placeOf(database.journal(tenant, deploymentId));
      if (place !== null) this.#covered.add(`the server dies with ${place}`);
    }
    this.#story.push(`the server died at commit ${this.#commits}`);
    throw new Crashed('the process ends here');
  }

  /** Some are taken back right after they were completed. */
  #regret(deploymentId: string): void {
    if (this.#isCalm || !this.#random.chance(0.15)) return;
    this.#simulation.time.after(this.#random.between(0, 10_000), () =>
      this.#attempt('rollback of what was completed', () => this.#command(deploymentId, 'rollback')),
    );
  }

  #schedule(): void {
    const random = this.#random;
    this.#scheduleNodes();
    for (let n = random.between(0, 4); n > 0; n--) {
      const command = random.pick(commands);
      this.#soon(() => this.#attempt(command, () => this.#command('d', command)));
    }
    if (random.chance(0.3))
      this.#soon(() => this.#attempt('a second deployment', () => this.#begin(this.#wish('e', stormModules[0], 'v3'))));
    if (random.chance(0.4)) this.#soon(() => this.#attempt('another module', () => this.#beginOther()));
    if (random.chance(0.3))
      this.#soon(() => {
        this.#tell('every server stops');
        this.#simulation.stop();
        this.#simulation.time.after(random.between(1_000, 60_000), () => {
          this.#simulation.restart();
        });
      });
  }

  #scheduleNodes(): void {
    const random = this.#random;
    const { time, database, fleet } = this.#simulation;
    const nodeIds = [...database.nodes.keys()];
    for (const nodeId of random.some(nodeIds, random.pick([0, 0.1, 0.4])))
      this.#soon(() => {
        this.#tell('a node goes', nodeId);
        fleet.disconnect(nodeId);
        this.#simulation.nudge(nodeId);
        time.after(random.between(100, 60_000), () => {
          if (!this.#isCalm) fleet.connect(nodeId);
        });
      });
    for (const nodeId of random.some(nodeIds, random.pick([0, 0, 0.1, 0.3])))
      this.#soon(() => {
        this.#tell('a node is disabled', nodeId);
        database.setEnabled(nodeId, false);
        this.#simulation.nudge(nodeId);
        time.after(random.between(100, 90_000), () => {
          database.setEnabled(nodeId, true);
          this.#simulation.nudge(nodeId);
        });
      });
    for (let n = random.between(0, 2); n > 0; n--)
      this.#soon(() => {
        this.#tell('a node joins', `late-${n}`);
        database.addNode({ nodeId: `late-${n}`, region: 'us-east' });
      });
  }

  #soon(run: () => void | Promise<void>): void {
    this.#simulation.time.after(this.#random.between(0, stormMs), run);
  }

  #tell(what: string, who?: string): void {
    this.#covered.add(what);
    this.#story.push(who === undefined ? what : `${what} (${who})`);
  }

  /** Most go everywhere; some into a part of the regions, so that another one may have the rest. */
  #wish(deploymentId: string, module: StormModule, releaseId: string): Wish {
    const regions = [...new Set([...this.#simulation.database.nodes.values()].map(({ region }) => region))].sort();
    const ofFirst = this.#simulation.database.deployments.get('d')?.spec.regions ?? null;
    if (deploymentId === 'e' && ofFirst !== null)
      return { deploymentId, module, releaseId, regions: regions.filter((region) => !ofFirst.includes(region)) };
    if (regions.length < 2 || !this.#random.chance(0.3)) return { deploymentId, module, releaseId, regions: null };
    return { deploymentId, module, releaseId, regions: regions.slice(0, this.#random.between(1, regions.length - 1)) };
  }

  async #begin(wish: Wish, chosen = this.#random.pick(this.#strategies)): Promise<void> {
    if (this.#simulation.engines.length === 0) return;
    const mirror = this.#random.chance(0.15) ? makeMirror(this.#random, wish.releaseId) : null;
    if (mirror !== null) this.#tell('requests are copied first');
    await this.#create(wish, chosen, 'PT1M', mirror === null ? {} : { traffic: { mirror } });
    await this.#command(wish.deploymentId, 'execute');
    const { database } = this.#simulation;
    if (wish.deploymentId === 'e' && database.summary('d')?.status === 'InProgress')
      this.#covered.add('two deployments of a module in regions of their own');
    if (wish.deploymentId === 'o' && database.summary('d')?.status === 'InProgress')
      this.#covered.add('deployments of two modules on the same nodes');
  }

  async #beginOther(): Promise<void> {
    // With a train, its members are the only ones to move the other modules.
    if (this.#train) return;
    await this.#begin(this.#wish('o', stormModules[1] as StormModule, 'p2'));
  }

  async #create(
    { deploymentId, module, releaseId, regions }: Wish,
    { strategy, config }: { readonly strategy: Strategy<unknown>; readonly config: (random: SeededRandom) => Json },
    retention: string,
    more: Partial<DeploymentSpec> = {},
  ): Promise<void> {
    const { moduleName } = module;
    this.#story.push(`${strategy.name} of ${releaseId}${regions === null ? '' : ` in ${regions.join(', ')}`}`);
    const spec = {
      deploymentId,
      releaseId,
      moduleId: `${moduleName}-${releaseId}`,
      moduleName,
      regions,
      retention,
      ...more,
    };
    await this.#simulation.create({ strategy: strategy.name, config: config(this.#random), spec });
  }

  /** Two or three modules, one after the other; what was replaced stays warm until the train is over. */
  async #beginTrain(): Promise<void> {
    const modules = stormModules.slice(0, this.#random.between(2, 3));
    const chosen = this.#random.pick(this.#strategies);
    const fixed = chosen.config(this.#random);
    const wishes = modules.map((module, n) => this.#wish(n === 0 ? 'd' : module.moduleName, module, module.after));
    const train = new SimulatedTrain(this.#simulation, {
      members: wishes.map(({ deploymentId, releaseId, module: { moduleName } }) => ({
        deploymentId,
        moduleName,
        moduleId: `${moduleName}-${releaseId}`,
        after: [],
      })),
      command: (deploymentId, command, reason) => this.#command(deploymentId, command, reason),
    });
    this.#train = train;
    train.sweep((error) => this.#hear('the train', error));
    this.#scheduleTrain(train);
    for (const wish of wishes) await this.#create(wish, { ...chosen, config: () => fixed }, 'P1D');
    await train.update(train.row, { intent: 'forward', status: 'InProgress' });
  }

  /** Somebody takes all of it back, at whatever time. */
  #scheduleTrain(train: SimulatedTrain): void {
    if (!this.#random.chance(0.4)) return;
    this.#soon(async () => {
      const { row } = train;
      if (row.intent !== 'forward') return;
      this.#tell(row.status === 'Completed' ? 'a completed train is rolled back' : 'a train is rolled back under way');
      await train.update(row, { intent: 'back', status: 'RollingBack', backEnd: 'RolledBack', reason: 'asked to' });
      if (row.status === 'Completed') train.sweep((error) => this.#hear('the train', error));
    });
  }

  async #command(deploymentId: string, command: DeploymentCommand, reason?: string): Promise<void> {
    if (this.#simulation.engines.length === 0) return;
    const engine = this.#random.pick(this.#simulation.engines);
    await engine.command(tenant, deploymentId, command, 'bob', reason === undefined ? {} : { reason });
  }

  async #attempt(what: string, deed: () => Promise<void>): Promise<void> {
    this.#story.push(what);
    try {
      await deed();
    } catch (error) {
      this.#hear(what, error);
    }
  }

  /** What is refused is refused for a reason, and who died has to be started anew; anything else is a fault of the engine. */
  #hear(what: string, error: unknown): void {
    if (error instanceof Crashed) this.#simulation.restart();
    else if (isHotSwapError(error) && error.code !== 'HS_JOURNAL_CORRUPT') this.#story.push(`refused: ${error.code}`);
    else this.#violations.push(`${what} threw ${String(error)}`);
  }

  #heal(): void {
    const { database, fleet } = this.#simulation;
    this.#isCalm = true;
    this.#simulation.restart();
    for (const { nodeId } of database.nodes.values()) {
      fleet.connect(nodeId);
      database.setEnabled(nodeId, true);
    }
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
        // A member of a train that is under way gets its turn.
        if (summary.status === 'Pending' && this.#train === null)
          await this.#attempt('abort', () => this.#command(deploymentId, 'abort'));
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
    let isPaused = false;
    for (const { summary } of this.#simulation.database.deployments.values()) {
      if (summary.status === 'InProgress' || summary.status === 'RollingBack') return true;
      isPaused ||= summary.status === 'Paused';
    }
    return !isPaused && this.#train !== null && !this.#train.isOver;
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
    let weight = 0;
    for (const node of this.#simulation.database.nodes.values())
      for (const assignment of node.modules.get(moduleName)?.values() ?? []) weight += assignment.weight;
    this.#routed.push({ deploymentId, seq, weight });
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
