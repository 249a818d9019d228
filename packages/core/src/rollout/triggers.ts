import type { MetricsQuestion, MetricsSource } from '../contracts/metrics-source.ts';
import type { Effect, StageFailure } from '../effects/effect.ts';
import { builtInSource, pausesWithoutData, type RollbackTrigger } from '../model/auto-rollback.ts';
import { hotSwapError } from '../errors/hotswap-error.ts';
import type { DeploymentSpec, Instant } from '../model/deployment.ts';
import type { Json } from '../model/json.ts';
import { noMetrics, onlyFinite, type VariantMetrics } from '../model/metrics.ts';
import { nodeCount, positionsOf, subtractNodes } from '../model/node-set.ts';
import type { RolloutState } from './rollout-state.ts';
import { trafficWindow, type TrafficWindow } from './traffic-window.ts';
import { findingFacts, findingOf, firedFailure, type TriggerFinding } from './trigger-finding.ts';

/** Two heartbeats of a node; two scrapes of most Prometheus servers. */
const defaultSettleMs = 60_000;

/**
 * Nodes and start of the window that the triggers look at now; `null` while no traffic has moved there. Between two steps
 * it is that of the one that comes `next`.
 * @internal
 */
export function triggerWindow(state: RolloutState, next?: Effect): TrafficWindow | null {
  if (state.phase !== 'rollout' || !state.spec?.autoRollback.enabled || state.spec.autoRollback.triggers.length === 0)
    return null;
  const effect = state.running?.effect ?? next;
  if (effect?.kind === 'restore') return null;
  return trafficWindow(state, effect?.kind === 'retain' ? undefined : effect?.scope);
}

/** One reading of all triggers. `failure` is of the first that is over its bound. @internal */
export interface TriggerReading {
  readonly failure: StageFailure | null;
  /** What the new release has come to, by the nodes' own reports. */
  readonly metrics: VariantMetrics;
  readonly findings: readonly TriggerFinding[];
}

/** Sources that triggers can name. @internal */
export interface TriggerSources {
  readonly metrics: MetricsSource;
  readonly metricsSources: Readonly<Record<string, MetricsSource>>;
}

/**
 * Reads the new release's metrics over the window, the old one's and other sources where a trigger asks for them, and
 * compares. Without data a trigger neither fires nor proves.
 * @internal
 */
export async function readTriggers(
  state: RolloutState,
  sources: TriggerSources,
  next?: Effect,
): Promise<TriggerReading | null> {
  const window = triggerWindow(state, next);
  if (!window || !state.spec) return null;
  const { tenant, deploymentId, moduleName, releaseId, autoRollback } = state.spec;
  const about = { tenant, deploymentId, moduleName, nodes: window.nodes, since: window.since };
  const { triggers } = autoRollback;
  const comparesVersions = triggers.some(({ against }) => against === 'baseline');
  const [candidate, baseline, outside] = await Promise.all([
    sources.metrics.read({ ...about, variant: releaseId }),
    comparesVersions ? sources.metrics.read({ ...about, variant: 'baseline' }) : noMetrics,
    readOutside(triggers, { ...about, variant: releaseId }, state, sources),
  ]);
  const measured = {
    candidate: onlyFinite(candidate),
    baseline: onlyFinite(baseline),
    isOldGone: nodeCount(subtractNodes(window.nodes, state.takenOver)) === 0,
  };
  const findings = triggers.map((trigger, n) => findingOf(trigger, measured, outside[n] ?? null));
  const fired = findings.find(({ state: came }) => came === 'fired');
  return { metrics: measured.candidate, findings, failure: fired ? firedFailure(fired) : null };
}

const isOutside = ({ source }: RollbackTrigger): boolean => source !== undefined && source !== builtInSource;

/**
 * Refuses triggers that ask a source which nobody has configured: it would only ever be missing data.
 * @throws HS_DEPLOYMENT_UNKNOWN_SOURCE
 * @internal
 */
export function assertSourcesKnown({ autoRollback }: DeploymentSpec, names: readonly string[]): void {
  const known = [builtInSource, ...names];
  for (const { metric, source } of autoRollback.triggers) {
    if (source !== undefined && !known.includes(source))
      throw hotSwapError('HS_DEPLOYMENT_UNKNOWN_SOURCE', { metric, source, known: known.join(', ') });
  }
}

/** Answers of other sources by the position of the trigger; `null` where there is none. */
async function readOutside(
  triggers: readonly RollbackTrigger[],
  question: Omit<MetricsQuestion, 'queries' | 'nodeIds'>,
  state: RolloutState,
  sources: TriggerSources,
): Promise<readonly (number | null)[]> {
  if (!triggers.some(isOutside)) return [];
  const targets = state.frozen?.targets ?? [];
  const nodeIds = [...positionsOf(question.nodes)].map((position) => targets[position] ?? '');
  const answers = new Map<string, Promise<VariantMetrics>>();
  for (const name of new Set(triggers.filter(isOutside).map(({ source = '' }) => source))) {
    const source = sourceOf({ source: name }, sources);
    const queries = Object.fromEntries(
      triggers.flatMap(({ source: of, query }, n) => (of === name && query !== undefined ? [[String(n), query]] : [])),
    );
    // A source that fails has measured nothing; a rollout must not stand still for it.
    answers.set(
      name,
      source ? source.read({ ...question, nodeIds, queries }).catch(() => noMetrics) : Promise.resolve(noMetrics),
    );
  }
  return Promise.all(
    triggers.map(async ({ source = '' }, n) => {
      const answer = await answers.get(source);
      const value = answer?.custom[String(n)]?.mean;
      return typeof value === 'number' && Number.isFinite(value) ? value : null;
    }),
  );
}

/** Triggers without data that nobody configured for nothing (D-5). @internal */
export function silentGates(reading: TriggerReading | null): readonly RollbackTrigger[] {
  return (reading?.findings ?? [])
    .filter(({ state, isPast, trigger }) => state === 'noData' && isPast !== true && pausesWithoutData(trigger))
    .map(({ trigger }) => trigger);
}

/**
 * Until when gates may be silent because traffic has only just moved: a period shorter than what their sources need, or
 * of no length, is no reason to pause.
 * @internal
 */
export function dataDueAt(state: RolloutState, silent: readonly RollbackTrigger[], sources: TriggerSources): Instant {
  const settleMs = silent.map((trigger) => sourceOf(trigger, sources)?.settleMs ?? defaultSettleMs);
  return (triggerWindow(state)?.since ?? -Infinity) + Math.max(0, ...settleMs);
}

function sourceOf(
  { source }: Pick<RollbackTrigger, 'source'>,
  { metrics, metricsSources }: TriggerSources,
): MetricsSource | undefined {
  if (source === undefined || source === builtInSource) return metrics;
  return Object.hasOwn(metricsSources, source) ? metricsSources[source] : undefined;
}

/** What the journal keeps of a reading. @internal */
export function readingFacts(reading: TriggerReading | null): { readonly [key: string]: Json } {
  if (!reading) return {};
  const { latency, custom, ...figures } = reading.metrics;
  const { buckets: _buckets, ...summary } = latency ?? { buckets: undefined };
  const metrics = { ...figures, latency: latency && summary, custom };
  return { metrics: metrics as unknown as Json, triggers: reading.findings.map(findingFacts) };
}
