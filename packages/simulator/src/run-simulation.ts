import type { DeploymentSpec, DeploymentSummary, NodeSelectorPlugin, Release, Strategy } from '@hotswap/core';
import { isHotSwapError } from '@hotswap/core';
import type { SimulatedCommand, SimulationResult, SimulationScript } from '@hotswap/protocol';
import { Simulation, type SimulatedNode } from '@hotswap/testing';
import { activePeriod, scenarioMs } from './active-period.ts';
import { describeChanges } from './describe-changes.ts';
import { LaggingRouter } from './lagging-router.ts';
import { ScriptedCalls } from './scripted-calls.ts';
import { ScriptedFaults } from './scripted-faults.ts';
import { SimulatedTimeline } from './simulated-timeline.ts';
import { TrafficShare } from './traffic-share.ts';

/** A simulation with everything decided that a request may leave open. @public */
export interface SimulationRun {
  readonly strategies: readonly Strategy<unknown>[];
  readonly fleet: readonly SimulatedNode[];
  readonly spec: DeploymentSpec;
  /** The deployment's release and those that serve before, as far as their health checks matter. */
  readonly releases?: readonly Release[];
  /** Selectors that the deployment may name. */
  readonly selectors?: readonly NodeSelectorPlugin<unknown>[];
  readonly script: SimulationScript;
  readonly seed: number;
  readonly untilMs: number;
  /** Unix time in milliseconds. */
  readonly startsAtMs: number;
  /** Awaited now and then: lets a server answer others meanwhile, and give up by throwing. Default: runs through. */
  readonly breathe?: () => Promise<void>;
}

const finalStatuses: readonly DeploymentSummary['status'][] = [
  'Completed',
  'PartiallyCompleted',
  'RolledBack',
  'Cancelled',
  'Failed',
];
/** A rollout that waits for people this long after the script's last line waits for ever. */
const patienceMs = 600_000;
const raisesRevision: ReadonlySet<string> = new Set(['route', 'restore', 'mirror', 'endMirror']);
const eventsPerBreath = 50;
const mostLeftOut = 100;

/**
 * Runs the production engine over a fleet in virtual time. The same run gives the same result to the byte.
 * @throws HS_DEPLOYMENT_NO_TARGETS and whatever else create and execute refuse
 * @public
 */
export async function runSimulation(run: SimulationRun): Promise<SimulationResult> {
  const live = new LiveSimulation(run);
  await live.play();
  return live.result();
}

/** One run while it is under way. */
class LiveSimulation {
  readonly #run: SimulationRun;
  readonly #simulation: Simulation;
  readonly #share: TrafficShare = new TrafficShare();
  readonly #timeline: SimulatedTimeline = new SimulatedTimeline(this.#share);
  readonly #calls: ScriptedCalls;
  readonly #router: LaggingRouter;
  readonly #faults: ScriptedFaults;
  #summary: DeploymentSummary | null = null;
  #endedMs: number | null = null;
  #mirroredSinceMs = 0;
  #before: Awaited<ReturnType<Simulation['fleetReader']['candidates']>> = [];

  constructor(run: SimulationRun) {
    const { script, fleet, seed, spec, startsAtMs, strategies, releases, selectors } = run;
    this.#run = run;
    this.#calls = new ScriptedCalls(script.metrics ?? [], this.#share);
    this.#router = new LaggingRouter(script.faults ?? [], () => this.#nowMs());
    this.#faults = new ScriptedFaults(script, fleet, seed, () => this.#nowMs());
    this.#simulation = new Simulation({
      strategies,
      fleet,
      startsAt: startsAtMs,
      moduleName: spec.moduleName,
      script: this.#faults.fleetScript(spec.releaseId),
      router: this.#router,
      metrics: ({ variant, since, now }) =>
        this.#calls.metrics(variant === spec.releaseId ? 'new' : 'old', since - startsAtMs, now - startsAtMs),
      onCommit: (batches) => {
        for (const batch of batches) this.#follow(batch);
      },
      ...(releases ? { releases } : {}),
      ...(selectors ? { selectors } : {}),
    });
    this.#simulation.database.mirrorTally = ({ percent }) =>
      this.#calls.mirrored(percent, this.#mirroredSinceMs, this.#nowMs());
  }

  async play(): Promise<void> {
    const { spec, script, untilMs } = this.#run;
    const simulation = this.#simulation;
    this.#before = await simulation.fleetReader.candidates(spec.tenant, spec.moduleName, null);
    await simulation.create({ strategy: spec.strategy, config: spec.config, spec });
    this.#faults.schedule(simulation, (type, sentence) => {
      this.#timeline.tell(type, sentence, this.#nowMs());
    });
    // Faults of the first moment are there before the rollout begins.
    await simulation.time.run(simulation.time.now());
    for (const command of script.commands ?? []) this.#scheduleCommand(command);
    await simulation.engine.command(spec.tenant, spec.deploymentId, 'execute', spec.author);
    await simulation.time.run(simulation.time.now() + untilMs, () => this.#goesOn());
  }

  async result(): Promise<SimulationResult> {
    const { spec, seed, startsAtMs } = this.#run;
    const simulation = this.#simulation;
    if (simulation.engines.length === 0) simulation.restart();
    const { summary, targets } = await simulation.state(spec.deploymentId);
    const after = await simulation.fleetReader.candidates(spec.tenant, spec.moduleName, null);
    const durationMs = this.#endedMs ?? this.#nowMs();
    return {
      status: summary.status,
      ...(summary.reason === undefined ? {} : { reason: summary.reason }),
      ...(summary.verdict === undefined ? {} : { verdict: summary.verdict }),
      seed,
      startsAt: new Date(startsAtMs).toISOString(),
      targetCount: targets.length,
      changes: describeChanges(this.#before, after, targets),
      leftOut: this.#leftOut(new Set(targets)),
      timeline: this.#timeline.events,
      eventsLeftOut: this.#timeline.leftOut,
      durationMs,
      blastRadius: this.#blastRadius(durationMs, targets.length),
      work: { journalEntries: this.#timeline.journalEntries, wakes: simulation.scheduler.deliveries },
    };
  }

  #nowMs(): number {
    return this.#simulation.time.now() - this.#run.startsAtMs;
  }

  #follow(batch: Parameters<SimulatedTimeline['follow']>[0]): void {
    const { spec, script } = this.#run;
    const { time, fleetReader } = this.#simulation;
    if (batch.deploymentId !== spec.deploymentId) return;
    const nowMs = this.#nowMs();
    this.#timeline.follow(batch, nowMs);
    this.#summary = batch.summary;
    if (finalStatuses.includes(batch.summary.status)) this.#endedMs ??= nowMs;
    if (batch.changes.some(({ kind }) => kind === 'mirror')) this.#mirroredSinceMs = nowMs;
    if (batch.changes.some(({ kind }) => raisesRevision.has(kind)))
      time.after(0, async () => {
        const servedAtMs = this.#router.note(await fleetReader.routeRevision(spec.tenant, spec.moduleName));
        if (servedAtMs !== null && servedAtMs > this.#nowMs()) this.#nudgeAt(servedAtMs);
      });
    const asks = batch.entries.some((entry) => entry.type === 'began' && entry.effect.kind === 'pause');
    if (asks && script.answerPausesAfter !== undefined)
      time.after(scenarioMs(script.answerPausesAfter), () => this.#answer());
  }

  #nudgeAt(atMs: number): void {
    const { time, database } = this.#simulation;
    time.after(atMs - this.#nowMs(), () => {
      const [first] = this.#run.fleet.filter(({ nodeId }) => database.activeDeployments(nodeId).length > 0);
      if (first) this.#simulation.nudge(first.nodeId);
    });
  }

  async #answer(): Promise<void> {
    if (this.#simulation.engines.length === 0) return;
    const { accepts } = await this.#simulation.state(this.#run.spec.deploymentId);
    const [answer] = accepts;
    if (answer !== undefined) await this.#command({ at: 0, command: answer });
  }

  #scheduleCommand(command: SimulatedCommand): void {
    this.#simulation.time.after(scenarioMs(command.at), () => this.#command(command));
  }

  async #command({ command, reason }: SimulatedCommand): Promise<void> {
    const { tenant, deploymentId } = this.#run.spec;
    const [engine] = this.#simulation.engines;
    if (!engine) {
      this.#timeline.tell(command, `Somebody asked for ${command}, but no server answered.`, this.#nowMs());
      return;
    }
    try {
      await engine.command(tenant, deploymentId, command, 'operator', reason === undefined ? {} : { reason });
    } catch (error) {
      if (!isHotSwapError(error)) throw error;
      this.#timeline.tell(
        command,
        `Somebody asked for ${command}, which was refused: ${error.message}.`,
        this.#nowMs(),
      );
    }
  }

  #events = 0;

  async #goesOn(): Promise<boolean> {
    if (this.#run.breathe && ++this.#events % eventsPerBreath === 0) await this.#run.breathe();
    if (this.#endedMs !== null) return this.#nowMs() <= this.#lastLineMs() && this.#isRetained();
    return this.#summary?.status !== 'Paused' || this.#nowMs() <= this.#lastLineMs() + patienceMs;
  }

  /** Commands may still come to a completed deployment whose replaced release is warm. */
  #isRetained(): boolean {
    return this.#summary?.retainedUntil !== undefined && (this.#run.script.commands ?? []).length > 0;
  }

  #lastLineMs(): number {
    const { faults = [], metrics = [], commands = [], answerPausesAfter = 0 } = this.#run.script;
    const edges = [...faults, ...metrics].flatMap((line) => {
      const { beginsMs, endsMs } = activePeriod(line);
      return endsMs === Infinity ? [beginsMs] : [beginsMs, endsMs];
    });
    return Math.max(scenarioMs(answerPausesAfter), ...edges, ...commands.map(({ at }) => scenarioMs(at)));
  }

  #leftOut(targets: ReadonlySet<string>): SimulationResult['leftOut'] {
    const { fleet, spec } = this.#run;
    const out: { nodeId: string; why: string }[] = [];
    for (const { nodeId, region, enabled = true, reachable = true } of fleet) {
      if (targets.has(nodeId) || (spec.regions !== null && !spec.regions.includes(region))) continue;
      if (out.length === mostLeftOut) break;
      const why = !enabled ? 'it is disabled' : !reachable ? 'it is offline' : 'the selector did not choose it';
      out.push({ nodeId, why });
    }
    return out;
  }

  #blastRadius(endMs: number, targets: number): SimulationResult['blastRadius'] {
    const points = this.#share.points.filter(({ atMs }) => atMs <= endMs);
    const nodes = Math.max(...points.map((point) => point.nodes));
    const exposedMs = points.reduce(
      (sum, { atMs, percent }, i) => (percent > 0 ? sum + ((points[i + 1]?.atMs ?? endMs) - atMs) : sum),
      0,
    );
    const stretches = this.#calls.stretches('new', 0, endMs);
    return {
      nodes,
      nodesPercent: targets === 0 ? 0 : Number(((100 * nodes) / targets).toFixed(2)),
      trafficPercent: Math.max(...points.map((point) => point.percent)),
      exposedMs,
      requests: Math.round(stretches.reduce((sum, { calls }) => sum + calls, 0)),
      failedRequests: Math.round(
        stretches.reduce(
          (sum, { calls, errorRatePercent, crashRatePercent }) =>
            sum + (calls * Math.max(errorRatePercent, crashRatePercent)) / 100,
          0,
        ),
      ),
    };
  }
}
