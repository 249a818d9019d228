import type { MetricsSource } from '../contracts/metrics-source.ts';
import type { StageFailure } from '../effects/effect.ts';
import type { RollbackTrigger } from '../model/auto-rollback.ts';
import type { Instant } from '../model/deployment.ts';
import type { Json } from '../model/json.ts';
import { metricValue, type VariantMetrics } from '../model/metrics.ts';
import { nodeCount, subtractNodes, unionNodes, type NodeSet } from '../model/node-set.ts';
import type { RolloutState } from './rollout-state.ts';

/** Nodes and start of the window that the triggers look at now; `null` while no traffic has moved there. @internal */
export function triggerWindow(state: RolloutState): { readonly nodes: NodeSet; readonly since: Instant } | null {
  if (state.phase !== 'rollout' || !state.spec?.autoRollback.enabled || state.spec.autoRollback.triggers.length === 0)
    return null;
  const effect = state.running?.effect;
  if (effect?.kind === 'restore') return null;
  const scope = effect?.kind === 'retain' ? undefined : effect?.scope;
  const inScope =
    scope === undefined
      ? state.traffic
      : state.traffic.filter((moved) => nodeCount(subtractNodes(moved.nodes, scope)) === 0);
  if (inScope.length === 0) return null;
  return {
    nodes: inScope.reduce<NodeSet>((nodes, moved) => unionNodes(nodes, moved.nodes), []),
    since: Math.max(...inScope.map((moved) => moved.since)),
  };
}

/** One reading of all triggers. `failure` is of the first that is over its bound. @internal */
export interface TriggerReading {
  readonly failure: StageFailure | null;
  readonly metrics: VariantMetrics;
}

/**
 * Reads the new release's metrics over the window and compares. Without samples a trigger neither fires nor proves.
 * @internal
 */
export async function readTriggers(state: RolloutState, source: MetricsSource): Promise<TriggerReading | null> {
  const window = triggerWindow(state);
  if (!window || !state.spec) return null;
  const { tenant, deploymentId, moduleName, releaseId, autoRollback } = state.spec;
  const metrics = await source.read({
    tenant,
    deploymentId,
    moduleName,
    variant: releaseId,
    nodes: window.nodes,
    since: window.since,
  });
  const fired = autoRollback.triggers.find((trigger) => fires(trigger, metrics));
  return { metrics, failure: fired ? failureOf(fired, metrics) : null };
}

function fires(trigger: RollbackTrigger, metrics: VariantMetrics): boolean {
  const value = metricValue(metrics, trigger.metric);
  if (value === null || Number.isNaN(value) || metrics.samples < trigger.minimumSamples) return false;
  return trigger.comparison === 'less_than' ? value < trigger.threshold : value > trigger.threshold;
}

const units: Readonly<Record<RollbackTrigger['metric'], string>> = {
  error_rate: ' %',
  crash_rate: ' %',
  avg_latency_ms: ' ms',
  p50_latency_ms: ' ms',
  p95_latency_ms: ' ms',
  p99_latency_ms: ' ms',
  peak_memory_mb: ' MB',
  memory_refusals: '',
};

function failureOf(trigger: RollbackTrigger, metrics: VariantMetrics): StageFailure {
  const observed = metricValue(metrics, trigger.metric) ?? 0;
  const unit = units[trigger.metric];
  const side = trigger.comparison === 'less_than' ? 'below' : 'above';
  return {
    cause: 'trigger',
    message: `${trigger.metric} is ${Number(observed.toFixed(2))}${unit}, ${side} the threshold of ${trigger.threshold}${unit}`,
    facts: {
      metric: trigger.metric,
      observed,
      threshold: trigger.threshold,
      comparison: trigger.comparison,
      samples: metrics.samples,
    },
  };
}

/** What the journal keeps of a reading. @internal */
export function readingFacts(reading: TriggerReading | null): { readonly [key: string]: Json } {
  if (!reading) return {};
  return { metrics: { ...reading.metrics, latency: reading.metrics.latency && { ...reading.metrics.latency } } };
}
