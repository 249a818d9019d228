import {
  JournalExplainer,
  type CandidateNode,
  type DeploymentSpec,
  type DeploymentSummary,
  type JournalBatch,
  type MirrorTally,
  type VariantMetrics,
} from '@hotswap/core';
import type { SimulatedOutcome, SimulationScript } from '@hotswap/protocol';
import type { SimulatedNode } from '@hotswap/testing';
import { describeChanges } from './describe-changes.ts';
import { ScriptedCalls } from './scripted-calls.ts';
import type { SimulatedTimeline } from './simulated-timeline.ts';
import { TrafficShare } from './traffic-share.ts';

/** @internal */
export const finalStatuses: readonly DeploymentSummary['status'][] = [
  'Completed',
  'PartiallyCompleted',
  'RolledBack',
  'Cancelled',
  'Failed',
];
const mostLeftOut = 100;

/** One deployment of a simulation while it is under way. Times are since execute, of the train where there is one. @internal */
export class LiveRollout {
  readonly spec: DeploymentSpec;
  readonly share: TrafficShare = new TrafficShare();
  readonly #calls: ScriptedCalls;
  readonly #explainer = new JournalExplainer();
  readonly #timeline: SimulatedTimeline;
  /** Told with its events, in a train. */
  readonly #label: { readonly moduleId?: string };
  #summary: DeploymentSummary | null = null;
  #beganMs: number | null = null;
  #endedMs: number | null = null;
  #mirroredSinceMs = 0;
  #pausedSinceMs: number | null = null;
  journalEntries = 0;

  constructor(spec: DeploymentSpec, script: SimulationScript, timeline: SimulatedTimeline, isMember: boolean) {
    this.spec = spec;
    const metrics = (script.metrics ?? []).filter(({ module = spec.moduleName }) => module === spec.moduleName);
    this.#calls = new ScriptedCalls(metrics, this.share);
    this.#timeline = timeline;
    this.#label = isMember ? { moduleId: spec.moduleId } : {};
  }

  get summary(): DeploymentSummary | null {
    return this.#summary;
  }

  /** When it was executed. */
  get beganMs(): number | null {
    return this.#beganMs;
  }

  /** When it was over, for the last time; `null` while it is under way. */
  get endedMs(): number | null {
    return this.#endedMs;
  }

  /** Since when it waits for people; `null`: it does not. */
  get pausedSinceMs(): number | null {
    return this.#pausedSinceMs;
  }

  get progressPercent(): number {
    return this.#summary?.progressPercent ?? 0;
  }

  metrics(variant: string, fromMs: number, toMs: number): VariantMetrics {
    return this.#calls.metrics(variant === this.spec.releaseId ? 'new' : 'old', fromMs, toMs);
  }

  mirrored(percent: number, nowMs: number): MirrorTally {
    return this.#calls.mirrored(percent, this.#mirroredSinceMs, nowMs);
  }

  /** Takes a commit in. */
  follow({ entries, changes, summary }: JournalBatch, nowMs: number): void {
    const before = this.#summary?.status;
    this.#summary = summary;
    for (const entry of entries) {
      this.journalEntries++;
      this.share.follow(entry, nowMs);
      if (entry.type === 'executed') this.#beganMs ??= nowMs;
      const sentence = this.#explainer.explain(entry);
      // A window of nodes of a large stage: it happens, and says nothing to a reader.
      if (entry.type !== 'moved') this.tell('journal', entry.type, sentence, nowMs);
    }
    if (!finalStatuses.includes(summary.status)) this.#endedMs = null;
    else if (summary.status !== before) this.#endedMs = nowMs;
    this.#pausedSinceMs = summary.status === 'Paused' ? (this.#pausedSinceMs ?? nowMs) : null;
    if (changes.some(({ kind }) => kind === 'mirror')) this.#mirroredSinceMs = nowMs;
  }

  tell(source: 'journal' | 'script', type: string, sentence: string, atMs: number): void {
    const [progressPercent, trafficPercent] = [this.progressPercent, this.share.now.percent];
    this.#timeline.add({ atMs, source, ...this.#label, type, sentence, progressPercent, trafficPercent });
  }

  /** What it came to. */
  outcome(
    summary: DeploymentSummary,
    targets: readonly string[],
    fleet: readonly SimulatedNode[],
    [before, after]: readonly [readonly CandidateNode[], readonly CandidateNode[]],
    endMs: number,
  ): Omit<SimulatedOutcome, 'releaseDiff'> {
    const { status, reason, verdict } = summary;
    return {
      status,
      ...(reason === undefined ? {} : { reason }),
      ...(verdict === undefined ? {} : { verdict }),
      targetCount: targets.length,
      changes: describeChanges(before, after, targets),
      leftOut: this.#beganMs === null ? [] : this.#leftOut(fleet, new Set(targets), before),
      blastRadius: this.#blastRadius(endMs, targets.length),
    };
  }

  #leftOut(
    fleet: readonly SimulatedNode[],
    targets: ReadonlySet<string>,
    before: readonly CandidateNode[],
  ): SimulatedOutcome['leftOut'] {
    const { regions } = this.spec;
    const candidates = new Map(before.map((node) => [node.nodeId, node]));
    const out: { nodeId: string; why: string }[] = [];
    for (const { nodeId, region, enabled = true, reachable = true } of fleet) {
      if (targets.has(nodeId) || (regions !== null && !regions.includes(region))) continue;
      if (out.length === mostLeftOut) break;
      out.push({ nodeId, why: whyLeftOut(candidates.get(nodeId), enabled, reachable) });
    }
    return out;
  }

  #blastRadius(endMs: number, targets: number): SimulatedOutcome['blastRadius'] {
    const points = this.share.points.filter(({ atMs }) => atMs <= endMs);
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

function whyLeftOut(candidate: CandidateNode | undefined, enabled: boolean, reachable: boolean): string {
  if (!enabled) return 'it is disabled';
  if (!reachable) return 'it is offline';
  if (candidate?.flapping === true) return 'it starts again and again';
  if (candidate && !candidate.hasModule && candidate.modulesLoaded >= candidate.maxModules)
    return 'it has no room for another module (MaxModules)';
  return 'the selector did not choose it';
}
