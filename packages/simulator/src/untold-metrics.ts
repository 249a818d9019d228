import { noMetrics, type DeploymentSpec, type MetricsSource, type RollbackTrigger } from '@hotswap/core';

/** What a script can say of calls. */
const told: ReadonlySet<string> = new Set([
  ...['error_rate', 'crash_rate', 'peak_memory_mb'],
  ...['avg_latency_ms', 'p50_latency_ms', 'p95_latency_ms', 'p99_latency_ms'],
]);

const isUntold = ({ metric }: RollbackTrigger): boolean => !told.has(metric) && metric !== 'memory_refusals';

/** Metrics of triggers that no script can speak of, each once. @internal */
export function untoldMetrics({ autoRollback: { enabled, triggers } }: DeploymentSpec): readonly string[] {
  return enabled ? [...new Set(triggers.filter(isUntold).map(({ metric }) => metric))] : [];
}

/** What a script does not tell goes well: a trigger that it cannot speak of pauses nothing. @internal */
export function withoutUntold(spec: DeploymentSpec): DeploymentSpec {
  const { autoRollback } = spec;
  const triggers = autoRollback.triggers.map((trigger) =>
    isUntold(trigger) ? { ...trigger, onNoData: 'ignore' as const } : trigger,
  );
  return { ...spec, autoRollback: { ...autoRollback, triggers } };
}

/** Other sources that the triggers of a deployment ask. @internal */
export function namedSources({ autoRollback: { triggers } }: DeploymentSpec): readonly string[] {
  return triggers.flatMap(({ source }) => (source === undefined ? [] : [source]));
}

/** Sources that are there and have measured nothing. @internal */
export function silentSources(names: readonly string[]): Readonly<Record<string, MetricsSource>> {
  return Object.fromEntries(names.map((name) => [name, { read: () => Promise.resolve(noMetrics) }]));
}
