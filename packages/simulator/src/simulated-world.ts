import { isHotSwapError, noMetrics, noMirrorTally, type DeploymentSpec, type JournalBatch } from '@hotswap/core';
import type {
  SimulatedCommand,
  SimulatedCourse,
  SimulatedEvent,
  SimulatedOutcome,
  SimulationScript,
} from '@hotswap/protocol';
import { Simulation } from '@hotswap/testing';
import { activePeriod, scenarioMs } from './active-period.ts';
import { simulatorError } from './error-codes.ts';
import { LaggingRouter } from './lagging-router.ts';
import { LiveRollout } from './live-rollout.ts';
import type { SimulationRun } from './simulation-run.ts';
import { ScriptedFaults, type ReleaseSide } from './scripted-faults.ts';
import { SimulatedTimeline } from './simulated-timeline.ts';
import { namedSources, silentSources, untoldMetrics, withoutUntold } from './untold-metrics.ts';

/** What a world is made of: everything of a run but its deployment. @internal */
export type WorldParts = Omit<SimulationRun, 'spec'>;

const raisesRevision: ReadonlySet<string> = new Set(['route', 'restore', 'mirror', 'endMirror']);
const eventsPerBreath = 50;
/** A rollout that waits for people this long after whatever could answer it waits for ever. */
const patienceMs = 600_000;

/**
 * A fleet with the production engine in virtual time, the script that disturbs it, and the deployments that are followed in it.
 * @internal
 */
export class SimulatedWorld {
  readonly simulation: Simulation;
  readonly rollouts: readonly LiveRollout[];
  readonly timeline: SimulatedTimeline = new SimulatedTimeline();
  /** Told of every commit of a deployment that is followed. */
  onCommit: (rollout: LiveRollout) => void = () => {};
  /** When the last thing happens that the script has a time for. */
  readonly lastLineMs: number;
  readonly #parts: WorldParts;
  readonly #router: LaggingRouter;
  readonly #faults: ScriptedFaults;
  readonly #before = new Map<LiveRollout, Awaited<ReturnType<Simulation['fleetReader']['candidates']>>>();
  #events = 0;

  /** @throws HS_CONFIG_INVALID_SCENARIO when the script names a module that is not simulated */
  constructor(parts: WorldParts, specs: readonly DeploymentSpec[]) {
    const { script, fleet, seed, startsAtMs, strategies, releases, selectors } = parts;
    refuseStrangers(script, specs);
    this.#parts = parts;
    this.lastLineMs = this.#lastLine();
    this.rollouts = specs.map((spec) => new LiveRollout(withoutUntold(spec), script, this.timeline, specs.length > 1));
    this.#router = new LaggingRouter(script.faults ?? [], () => this.nowMs());
    this.#faults = new ScriptedFaults(script, fleet, seed, () => this.nowMs());
    this.simulation = new Simulation({
      strategies,
      fleet,
      startsAt: startsAtMs,
      moduleName: specs[0]?.moduleName ?? '',
      metricsSources: silentSources(parts.sources ?? specs.flatMap(namedSources)),
      script: this.#faults.fleetScript(this.#sides()),
      router: this.#router,
      metrics: ({ deploymentId, variant, since, now }) =>
        this.rolloutOf(deploymentId)?.metrics(variant, since - startsAtMs, now - startsAtMs) ?? noMetrics,
      onCommit: (batches) => {
        for (const batch of batches) this.#follow(batch);
      },
      ...(releases ? { releases } : {}),
      ...(selectors ? { selectors } : {}),
    });
    this.simulation.database.mirrorTally = ({ deploymentId, percent }) =>
      this.rolloutOf(deploymentId)?.mirrored(percent, this.nowMs()) ?? noMirrorTally;
  }

  /** Since execute. */
  nowMs(): number {
    return this.simulation.time.now() - this.#parts.startsAtMs;
  }

  rolloutOf(deploymentId: string): LiveRollout | undefined {
    return this.rollouts.find(({ spec }) => spec.deploymentId === deploymentId);
  }

  /** Creates every deployment, and lets what the script has at the first moment happen. */
  async begin(tellScript: (type: string, sentence: string) => void): Promise<void> {
    const { simulation } = this;
    for (const rollout of this.rollouts) {
      const { tenant, moduleName } = rollout.spec;
      this.#before.set(rollout, await simulation.fleetReader.candidates(tenant, moduleName, null));
    }
    for (const { spec } of this.rollouts)
      await simulation.create({ strategy: spec.strategy, config: spec.config, spec });
    for (const rollout of this.rollouts) {
      const untold = untoldMetrics(rollout.spec);
      if (untold.length > 0) rollout.tell('script', 'untold', `Taken to be well: ${untold.join(', ')}.`, 0);
    }
    this.#faults.schedule(simulation, tellScript);
    // Faults of the first moment are there before the rollout begins.
    await simulation.time.run(simulation.time.now());
  }

  /** Lets time pass while `goesOn` says so. */
  async run(goesOn: () => boolean): Promise<void> {
    const { untilMs, breathe } = this.#parts;
    const { time } = this.simulation;
    await time.run(time.now() + untilMs, async () => {
      if (breathe && ++this.#events % eventsPerBreath === 0) await breathe();
      return goesOn();
    });
  }

  /** What somebody asks of one deployment; what is refused is told, not thrown. */
  async command(
    rollout: LiveRollout,
    { command, reason }: Pick<SimulatedCommand, 'command' | 'reason'>,
  ): Promise<void> {
    const { tenant, deploymentId } = rollout.spec;
    const [engine] = this.simulation.engines;
    if (!engine) {
      rollout.tell('script', command, `Somebody asked for ${command}, but no server answered.`, this.nowMs());
      return;
    }
    try {
      await engine.command(tenant, deploymentId, command, 'operator', reason === undefined ? {} : { reason });
    } catch (error) {
      if (!isHotSwapError(error)) throw error;
      const sentence = `Somebody asked for ${command}, which was refused: ${error.message}.`;
      rollout.tell('script', command, sentence, this.nowMs());
    }
  }

  #lastLine(): number {
    const { faults = [], metrics = [], commands = [] } = this.#parts.script;
    const edges = [...faults, ...metrics].flatMap((line) => {
      const { beginsMs, endsMs } = activePeriod(line);
      return endsMs === Infinity ? [beginsMs] : [beginsMs, endsMs];
    });
    return Math.max(0, ...edges, ...commands.map(({ at }) => scenarioMs(at)));
  }

  /** Whether a rollout that waits for people may still get what it waits for. */
  hasPatience({ pausedSinceMs }: LiveRollout): boolean {
    if (pausedSinceMs === null) return true;
    const answeredMs = pausedSinceMs + scenarioMs(this.#parts.script.answerPausesAfter ?? 0);
    return this.nowMs() <= Math.max(this.lastLineMs, answeredMs) + patienceMs;
  }

  /** What a deployment came to. @param endedMs - Until then it counts what its release reached; `null`: until now. */
  async outcome(rollout: LiveRollout, endedMs: number | null): Promise<Omit<SimulatedOutcome, 'releaseDiff'>> {
    const { simulation } = this;
    const { tenant, moduleName, deploymentId } = rollout.spec;
    if (simulation.engines.length === 0) simulation.restart();
    const { summary, targets } = await simulation.state(deploymentId);
    const after = await simulation.fleetReader.candidates(tenant, moduleName, null);
    const before = this.#before.get(rollout) ?? [];
    return rollout.outcome(summary, targets, this.#parts.fleet, [before, after], endedMs ?? this.nowMs());
  }

  /** How it went. @param endedMs - `null`: it was not over. */
  course(endedMs: number | null): SimulatedCourse {
    const { seed, startsAtMs } = this.#parts;
    return {
      seed,
      startsAt: new Date(startsAtMs).toISOString(),
      timeline: this.timeline.events,
      eventsLeftOut: this.timeline.leftOut,
      durationMs: endedMs ?? this.nowMs(),
      work: {
        journalEntries: this.rollouts.reduce((sum, { journalEntries }) => sum + journalEntries, 0),
        wakes: this.simulation.scheduler.deliveries,
      },
    };
  }

  /** Tells what concerns more than one deployment. */
  tell(event: Pick<SimulatedEvent, 'source' | 'type' | 'sentence'>): void {
    const turn = this.rollouts.findLast(({ beganMs }) => beganMs !== null);
    const all = this.rollouts.reduce((sum, { progressPercent }) => sum + progressPercent, 0);
    this.timeline.add({
      atMs: this.nowMs(),
      ...event,
      progressPercent: Number((all / this.rollouts.length).toFixed(2)),
      trafficPercent: turn?.share.now.percent ?? 0,
    });
  }

  /** Which release is what to the script: new ones by their deployments, all others by where they serve before. */
  #sides(): (releaseId: string) => ReleaseSide {
    const first = this.rollouts[0]?.spec.moduleName ?? '';
    const sides = new Map<string, ReleaseSide>();
    const lists = new Set<readonly { readonly releaseId: string }[]>();
    for (const { alsoServing = {} } of this.#parts.fleet)
      for (const [moduleName, served] of Object.entries(alsoServing)) {
        if (lists.has(served)) continue;
        lists.add(served);
        for (const { releaseId } of served) sides.set(releaseId, { moduleName, side: 'old' });
      }
    for (const { spec } of this.rollouts) sides.set(spec.releaseId, { moduleName: spec.moduleName, side: 'new' });
    return (releaseId) => sides.get(releaseId) ?? { moduleName: first, side: 'old' };
  }

  #follow(batch: JournalBatch): void {
    const rollout = this.rolloutOf(batch.deploymentId);
    if (!rollout) return;
    const { time, fleetReader } = this.simulation;
    const { tenant, moduleName } = rollout.spec;
    rollout.follow(batch, this.nowMs());
    if (batch.changes.some(({ kind }) => raisesRevision.has(kind)))
      time.after(0, async () => {
        const servedAtMs = this.#router.note(moduleName, await fleetReader.routeRevision(tenant, moduleName));
        if (servedAtMs !== null && servedAtMs > this.nowMs()) this.#nudgeAt(servedAtMs);
      });
    const { answerPausesAfter } = this.#parts.script;
    const asks = batch.entries.some((entry) => entry.type === 'began' && entry.effect.kind === 'pause');
    if (asks && answerPausesAfter !== undefined) time.after(scenarioMs(answerPausesAfter), () => this.#answer(rollout));
    this.onCommit(rollout);
  }

  #nudgeAt(atMs: number): void {
    const { time, database } = this.simulation;
    time.after(atMs - this.nowMs(), () => {
      const [first] = this.#parts.fleet.filter(({ nodeId }) => database.activeDeployments(nodeId).length > 0);
      if (first) this.simulation.nudge(first.nodeId);
    });
  }

  async #answer(rollout: LiveRollout): Promise<void> {
    if (this.simulation.engines.length === 0) return;
    const { accepts } = await this.simulation.state(rollout.spec.deploymentId);
    const [answer] = accepts;
    if (answer !== undefined) await this.command(rollout, { command: answer });
  }
}

/** @throws HS_CONFIG_INVALID_SCENARIO */
function refuseStrangers(
  { faults = [], metrics = [], commands = [] }: SimulationScript,
  specs: readonly DeploymentSpec[],
): void {
  const known = new Set(specs.map(({ moduleName }) => moduleName));
  for (const [list, lines] of Object.entries({ faults, metrics, commands }))
    for (const [index, line] of lines.entries()) {
      if (!('module' in line) || line.module === undefined || known.has(line.module)) continue;
      const pointer = `/script/${list}/${String(index)}/module`;
      const detail = `must be one of ${[...known].join(', ')}`;
      throw simulatorError('HS_CONFIG_INVALID_SCENARIO', {
        why: `${pointer} ${detail}`,
        pointer,
        errors: [{ pointer, detail }],
      });
    }
}
