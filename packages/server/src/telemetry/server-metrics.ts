import type { ReleaseCallDelta } from '@hotswap/core';
import type { HttpForwardStats, MirrorStats } from '@hotswap/gateway';
import {
  BoundedLabel,
  MetricsRegistry,
  registerHostMetrics,
  type CountingMetric,
  type DurationMetric,
  type SketchHistogram,
} from '@hotswap/telemetry';
import { serverVersion } from '../server-version.ts';
import type { FleetCounts } from '../ports/fleet-counts.ts';
import type { HeartbeatOutcome, HeartbeatReport } from '../ports/node-registry.ts';
import type { EndedDeployment } from './ended-deployment.ts';
import { FleetSnapshot } from './fleet-snapshot.ts';
import { RecentMaximum } from './recent-maximum.ts';

/** What gauges read when somebody asks. @internal */
export interface MeasuredParts {
  readonly dataDirectory: string;
  /** Names of strategies; their counters are 0 from the start. */
  readonly strategies: readonly string[];
  readonly fleet: () => Promise<FleetCounts>;
  readonly pool: () => {
    readonly active: number;
    readonly idle: number;
    readonly waiting: number;
    readonly max: number;
  };
  readonly forwarded: () => HttpForwardStats;
  readonly mirrored: () => MirrorStats;
  /** Agents that listen at this replica. */
  readonly connectedAgents: () => number;
}

const statementSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
/** Peaks of memory stay visible for one to two of it: longer than an alert waits. */
const peakWindowMs = 300_000;
const endedStatuses = ['Completed', 'PartiallyCompleted', 'RolledBack', 'Failed'] as const;
/** Streams last as long as somebody listens: that is no duration of an answer. */
const isStream = (route: string): boolean => /\/(?:events|desired|logs)$/.test(route);

/**
 * What one server tells of itself. Counters are of what this replica did or was told, so replicas are added; gauges of the
 * fleet are the same on all, so one takes their maximum (D-19).
 * @internal
 */
export class ServerMetrics {
  readonly registry: MetricsRegistry = new MetricsRegistry();
  readonly #requests: CountingMetric;
  readonly #requestSeconds: DurationMetric;
  readonly #registered: CountingMetric;
  readonly #calls: CountingMetric;
  readonly #callSeconds: SketchHistogram;
  readonly #loadSeconds: SketchHistogram;
  readonly #refusals: CountingMetric;
  readonly #heartbeats: CountingMetric;
  readonly #workSeconds: DurationMetric;
  readonly #workFailures: CountingMetric;
  readonly #moduleNames = new BoundedLabel();
  readonly #peaks = new RecentMaximum(peakWindowMs);
  #deployments: CountingMetric | undefined;
  #failedDeployments: CountingMetric | undefined;

  constructor() {
    const { registry } = this;
    this.#requests = registry.counter('wasm_http_requests_total', 'Answers of the API.', ['method', 'route', 'status']);
    this.#requestSeconds = registry.durations('wasm_http_request_duration_seconds', 'Time of answers of the API.', [
      'method',
      'route',
    ]);
    this.#registered = registry.counter('wasm_modules_registered_total', 'Module versions that were registered.');
    this.#calls = registry.counter(
      'wasm_functions_invoked_total',
      'Calls and HTTP requests of modules that nodes have reported here, by how they ended.',
      ['module', 'outcome'],
    );
    this.#callSeconds = registry.sketches(
      'wasm_function_invoke_duration',
      'Time of calls on their nodes, in seconds, as reported here.',
      ['module'],
    );
    this.#loadSeconds = registry.sketches(
      'wasm_module_load_duration',
      'Time in which nodes made releases ready once their bytes were there, in seconds, as reported here.',
    );
    this.#refusals = registry.counter(
      'wasm_module_memory_refusals_total',
      'Growths of memory that a limit refused, as reported here.',
      ['module'],
    );
    registry.gauge(
      'wasm_module_peak_memory_bytes',
      'Largest memory of one instance that was lately reported here.',
      () => this.#peaks.entries(performance.now()).map(([module, value]) => ({ labels: { module }, value })),
    );
    this.#heartbeats = registry.counter('wasm_heartbeats_total', 'Reports of nodes.', ['outcome']);
    this.#workSeconds = registry.durations(
      'wasm_database_work_duration_seconds',
      'Time of statements and transactions, waiting for a connection included.',
      [],
      statementSeconds,
    );
    this.#workFailures = registry.counter('wasm_database_errors_total', 'Work that the database failed at.');
  }

  /** Begins to show what the parts of a server know. */
  watch(parts: MeasuredParts): void {
    const { registry } = this;
    registerHostMetrics(registry, { dataDirectory: parts.dataDirectory, version: serverVersion, program: 'server' });
    this.#deployments = registry.counter(
      'wasm_deployments_total',
      'Rollouts and rollbacks that have ended, counted by the replica that wrote their end.',
      ['strategy', 'status'],
      parts.strategies.flatMap((strategy) => endedStatuses.map((status) => ({ strategy, status }))),
    );
    this.#failedDeployments = registry.counter(
      'wasm_deployments_failed_total',
      'Those of them that failed, or went back without anybody asking for it.',
      ['strategy'],
      parts.strategies.map((strategy) => ({ strategy })),
    );
    watchFleet(registry, new FleetSnapshot(parts.fleet));
    watchDatabase(registry, parts.pool);
    watchTraffic(registry, parts);
  }

  /** The API has answered. */
  answered(method: string, route: string, status: number, elapsedMs: number): void {
    this.#requests.add({ method, route, status: String(status) });
    if (!isStream(route)) this.#requestSeconds.observe({ method, route }, elapsedMs / 1_000);
  }

  registered(): void {
    this.#registered.add();
  }

  ended({ strategy, status, isFailure }: EndedDeployment): void {
    this.#deployments?.add({ strategy, status });
    if (isFailure) this.#failedDeployments?.add({ strategy });
  }

  /** A node has reported; figures of a report that is known already do not count again. */
  reported({ kind }: HeartbeatOutcome, report: HeartbeatReport): void {
    this.#heartbeats.add({ outcome: kind });
    if (kind !== 'accepted') return;
    for (const delta of report.metrics) this.#called(delta);
    if (report.loads !== undefined) this.#loadSeconds.add({}, report.loads);
  }

  /** A statement or transaction has ended. */
  worked(durationMs: number, failed: boolean): void {
    this.#workSeconds.observe({}, durationMs / 1_000);
    if (failed) this.#workFailures.add();
  }

  #called(delta: ReleaseCallDelta): void {
    const module = this.#moduleNames.of(delta.moduleName);
    const { calls, errors, crashes, latencySumMs: sumMs, latencyBuckets: buckets, memoryRefusals } = delta;
    const outcomes = { ok: calls - errors, error: errors - crashes, crash: crashes };
    for (const [outcome, count] of Object.entries(outcomes))
      if (calls > 0) this.#calls.add({ module, outcome }, Math.max(0, count));
    if (calls > 0) this.#callSeconds.add({ module }, { sumMs, buckets });
    if (memoryRefusals > 0) this.#refusals.add({ module }, memoryRefusals);
    if (delta.peakMemoryBytes > 0) this.#peaks.note(module, delta.peakMemoryBytes, performance.now());
  }
}

function watchFleet(registry: MetricsRegistry, fleet: FleetSnapshot): void {
  const regions = new BoundedLabel();
  registry.gauge('wasm_edge_nodes_total', 'Nodes that nobody has disabled.', async () =>
    sum((await fleet.counts()).nodes.filter(({ status }) => status !== 'Disabled')),
  );
  registry.gauge('wasm_edge_nodes_healthy', 'Those of them whose status is Healthy.', async () =>
    sum((await fleet.counts()).nodes.filter(({ status }) => status === 'Healthy')),
  );
  registry.gauge('wasm_edge_nodes', 'Nodes by region and status.', async () => {
    const counted = new Map<string, { labels: { region: string; status: string }; value: number }>();
    for (const { region, status, count } of (await fleet.counts()).nodes) {
      const labels = { region: regions.of(region), status };
      const key = JSON.stringify(labels);
      counted.set(key, { labels, value: (counted.get(key)?.value ?? 0) + count });
    }
    return [...counted.values()];
  });
  registry.gauge('wasm_deployments_active', 'Deployments that have not ended, by status.', async () => {
    const { deployments } = await fleet.counts();
    return ['Pending', 'PendingApproval', 'InProgress', 'Paused', 'RollingBack'].map((status) => ({
      labels: { status },
      value: sum(deployments.filter((one) => one.status === status)),
    }));
  });
  registry.gauge(
    'wasm_deployments_stuck',
    'Deployments without progress for longer than their step explains.',
    async () => (await fleet.counts()).stuck,
  );
  registry.gauge('wasm_modules', 'Module versions in the registry.', async () => (await fleet.counts()).modules);
  registry.gauge('wasm_routes', 'Modules that are served.', async () => (await fleet.counts()).routes);
  registry.gauge('wasm_database_up', 'Whether the database answers: 1 or 0.', () =>
    fleet.counts().then(
      () => 1,
      () => 0,
    ),
  );
}

function watchDatabase(registry: MetricsRegistry, pool: MeasuredParts['pool']): void {
  registry.gauge('wasm_database_connections_active', 'Connections at work.', () => pool().active);
  registry.gauge('wasm_database_connections_idle', 'Connections that are open and free.', () => pool().idle);
  registry.gauge('wasm_database_connections_waiting', 'Callers that wait for a connection.', () => pool().waiting);
  registry.gauge('wasm_database_connections_max', 'Connections that may be open.', () => pool().max);
}

function watchTraffic(registry: MetricsRegistry, { forwarded, mirrored, connectedAgents }: MeasuredParts): void {
  registry.counted('wasm_gateway_mirrored_total', 'Requests that mirrors chose, by what came of the copy.', () =>
    Object.entries<number>({ ...mirrored() }).map(([outcome, value]) => ({ labels: { outcome }, value })),
  );
  registry.gauge('wasm_agents_connected', 'Agents that listen at this replica.', connectedAgents);
  registry.gauge('wasm_gateway_http_in_flight', 'HTTP requests of modules under way.', () => forwarded().inFlight);
  registry.counted('wasm_gateway_http_answered_total', 'HTTP requests of modules by class of their answer.', () =>
    Object.entries(forwarded().answered).map(([digit, value]) => ({ labels: { status: `${digit}xx` }, value })),
  );
  registry.counted('wasm_gateway_http_unanswered_total', 'HTTP requests of modules that got no whole answer.', () => {
    const { overloaded, failed, cut, abandoned } = forwarded();
    return Object.entries({ overloaded, failed, cut, abandoned }).map(([why, value]) => ({ labels: { why }, value }));
  });
  registry.counted(
    'wasm_gateway_http_retried_total',
    'Those that were sent to another node.',
    () => forwarded().retried,
  );
}

const sum = (counts: readonly { readonly count: number }[]): number =>
  counts.reduce((total, { count }) => total + count, 0);
