import type { ObservedState, ReleaseCallDelta } from '@hotswap/core';
import {
  BoundedLabel,
  MetricsRegistry,
  registerHostMetrics,
  type CountingMetric,
  type SketchHistogram,
} from '@hotswap/telemetry';
import type { CallMetrics } from './call-metrics.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import type { LoadTimes } from '../modules/load-times.ts';

/** @internal */
export interface AgentMetricsParts {
  readonly config: Pick<AgentConfig, 'nodeId' | 'region' | 'zone' | 'runtime' | 'dataDirectory'>;
  readonly version: string;
  readonly runtimeVersion: string;
  readonly calls: CallMetrics;
  readonly loads: LoadTimes;
  readonly observe: () => ObservedState;
}

/**
 * What one node tells of itself. Names differ from the server's, which counts the same calls from the nodes' reports:
 * whoever scrapes both counts nothing twice.
 * @internal
 */
export class AgentMetrics {
  readonly contentType: string;
  readonly #registry = new MetricsRegistry();
  readonly #parts: AgentMetricsParts;
  readonly #modules = new BoundedLabel();
  readonly #calls: CountingMetric;
  readonly #callSeconds: SketchHistogram;
  readonly #refusals: CountingMetric;

  constructor(parts: AgentMetricsParts) {
    const registry = this.#registry;
    this.#parts = parts;
    this.contentType = registry.contentType;
    registerHostMetrics(registry, {
      program: 'agent',
      version: parts.version,
      dataDirectory: parts.config.dataDirectory,
    });
    this.#calls = registry.counter('wasm_node_calls_total', 'Calls and HTTP requests of modules, by how they ended.', [
      'module',
      'outcome',
    ]);
    this.#callSeconds = registry.sketches('wasm_node_call_duration_seconds', 'Time of calls.', ['module']);
    this.#refusals = registry.counter('wasm_node_memory_refusals_total', 'Growths of memory that a limit refused.', [
      'module',
    ]);
    const loadSeconds = registry.sketches(
      'wasm_node_module_load_duration_seconds',
      'Time in which releases became ready once their bytes were there.',
    );
    // Without a load there is a histogram all the same: it begins at nothing.
    loadSeconds.add({}, { sumMs: 0, buckets: {} });
    parts.loads.follow((durations) => loadSeconds.add({}, durations));
    parts.calls.follow((delta) => this.#called(delta));
    this.#watch();
  }

  /** The exposition; what runs without this thread is counted up to now. */
  text(): Promise<string> {
    this.#parts.calls.collect();
    return this.#registry.text();
  }

  #watch(): void {
    const { config, runtimeVersion, loads, observe, calls } = this.#parts;
    const registry = this.#registry;
    const { nodeId: node, region, zone = '', runtime } = config;
    registry.gauge('wasm_node_info', 'Which node this is; the value is always 1.', () => [
      { labels: { node, region, zone, runtime, runtime_version: runtimeVersion }, value: 1 },
    ]);
    registry.counted('wasm_node_module_load_failures_total', 'Loads of releases that failed.', () => loads.failures);
    registry.gauge('wasm_node_releases', 'Releases on the node by state.', () => {
      const { releases } = observe();
      return (['loading', 'ready', 'failed'] as const).map((state) => ({
        labels: { state },
        value: releases.filter((release) => release.state === state).length,
      }));
    });
    registry.gauge('wasm_node_applied_generation', 'Generation of desired state that is in force.', () => {
      return observe().generation;
    });
    registry.gauge('wasm_node_module_peak_memory_bytes', 'Largest memory of one instance of a loaded module.', () => {
      const peaks = new Map<string, number>();
      for (const { moduleName, peakMemoryBytes } of calls.memory()) {
        const module = this.#modules.of(moduleName);
        peaks.set(module, Math.max(peakMemoryBytes, peaks.get(module) ?? 0));
      }
      return [...peaks].map(([module, value]) => ({ labels: { module }, value }));
    });
  }

  #called({ moduleName, calls, errors, crashes, ...delta }: ReleaseCallDelta): void {
    const module = this.#modules.of(moduleName);
    if (delta.memoryRefusals > 0) this.#refusals.add({ module }, delta.memoryRefusals);
    if (calls === 0) return;
    const outcomes = { ok: calls - errors, error: errors - crashes, crash: crashes };
    for (const [outcome, count] of Object.entries(outcomes)) this.#calls.add({ module, outcome }, Math.max(0, count));
    this.#callSeconds.add({ module }, { sumMs: delta.latencySumMs, buckets: delta.latencyBuckets });
  }
}
