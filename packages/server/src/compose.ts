import 'reflect-metadata';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createRolloutEngine, hotSwapError, type Judge, type MetricsSource, type Strategy } from '@hotswap/core';
import { PrometheusMetricsSource } from '@hotswap/metrics-prometheus';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import {
  CatchUpRepository,
  CredentialRepository,
  DatabaseClock,
  DeploymentRepository,
  DesiredStateRepository,
  FleetCountRepository,
  HeartbeatRepository,
  IdempotencyRepository,
  InterfaceRepository,
  LiveUseRepository,
  ModuleRepository,
  NodeRepository,
  openDatabase,
  poolUse,
  PostgresFleetReader,
  PostgresJournalStore,
  PostgresMetricsSource,
  PostgresScheduler,
  ReleaseRepository,
  RouteRepository,
  SettingRepository,
  type Database,
  type DatabaseOptions,
} from '@hotswap/state-postgres';
import { standardSelectors } from '@hotswap/selectors-standard';
import { fsModuleStore } from '@hotswap/storage-fs';
import { abTesting } from '@hotswap/strategy-ab-testing';
import { allAtOnce } from '@hotswap/strategy-all-at-once';
import { blueGreen } from '@hotswap/strategy-blue-green';
import { canary } from '@hotswap/strategy-canary';
import { regional } from '@hotswap/strategy-regional';
import { rolling } from '@hotswap/strategy-rolling';
import { pino, type Logger } from 'pino';
import { container, instanceCachingFactory, type DependencyContainer } from 'tsyringe';
import { AgentHub } from './agents/agent-hub.ts';
import { HeartbeatIntake } from './agents/heartbeat-intake.ts';
import { composePolicies } from './compose-policy.ts';
import { composeTrains } from './compose-trains.ts';
import { composeAccess, composeAudit, composeStreams, openAccess } from './compose-access.ts';
import { composeEvents } from './compose-events.ts';
import { composeAlerts, composeCatchUp, composeHousekeeping } from './compose-loops.ts';
import { composeInquiry } from './compose-nodes.ts';
import { composeGateway, composeProxies } from './compose-routing.ts';
import { tokens } from './compose-tokens.ts';
import { openInvokeSigningKey } from './auth/invoke-signing-key.ts';
import { secretKeys, type ServerConfig } from './config/schema.ts';
import { EventBus } from './event-bus.ts';
import { CallerLedger } from './interfaces/caller-ledger.ts';
import { InterfaceGate } from './interfaces/interface-gate.ts';
import { InterfaceRegistry } from './interfaces/interface-registry.ts';
import { startServer, type ComposedServer, type RunningServer } from './hotswap-server.ts';
import { openTelemetry } from './telemetry/open-telemetry.ts';
import { observedJournal } from './telemetry/observed-journal.ts';
import { traceDeployment } from './telemetry/trace-deployment.ts';
import { RolloutLoop } from './loops/rollout-loop.ts';
import { ModuleService } from './modules/module-service.ts';
import { loadPlugins } from './plugins/load-plugins.ts';
import { unhealthyAfterMs } from './nodes/node-conditions.ts';
import type { ServerOverrides } from './compose-overrides.ts';
import type { Lifecycle, ServerParts, Telemetry } from './server-parts.ts';
import { serverVersion } from './server-version.ts';

/**
 * Strategies of this server: one line each. Older versions stay as long as rollouts may run on them. Further ones have
 * names of their own: a plugin must not take over what `Canary` means.
 * @throws HS_PLUGIN_DUPLICATE
 */
function makeStrategies(further: readonly Strategy<unknown>[]): readonly Strategy<unknown>[] {
  const known: Strategy<unknown>[] = [
    abTesting(),
    allAtOnce(),
    blueGreen(),
    canary(),
    regional({ strategies: () => known }),
    rolling(),
  ];
  const names = new Set(known.map(({ name }) => name));
  const taken = further.find(({ name }) => names.has(name));
  if (taken) throw hotSwapError('HS_PLUGIN_DUPLICATE', { kind: 'strategy', name: taken.name });
  known.push(...further);
  return known;
}

/**
 * Starts a server: the one place where adapters are named.
 * @throws HS_STORE_DATA_DIR_LOCKED, HS_STORE_UNAVAILABLE, HS_CONFIG_INVALID, HS_PLUGIN_NOT_FOUND, HS_PLUGIN_INVALID,
 * HS_PLUGIN_DUPLICATE
 * @public
 */
export async function createServer(config: ServerConfig, overrides: ServerOverrides = {}): Promise<RunningServer> {
  return startServer(await composeServer(config, overrides));
}

async function composeServer(config: ServerConfig, overrides: ServerOverrides): Promise<ComposedServer> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const logger = pino({
    level: config.logLevel,
    base: { instanceId: config.instanceId },
    redact: { paths: redactedPaths, censor: '[redacted]' },
  });
  const opened: (() => Promise<unknown>)[] = [];
  const release = async (): Promise<void> => {
    for (const close of opened.toReversed()) await close();
  };
  try {
    const plugins = await loadPlugins(config.plugins);
    const scope = container.createChildContainer();
    const telemetry = await openTelemetry(config, logger);
    opened.push(async () => telemetry[Symbol.asyncDispose]());
    scope.register(tokens.telemetry, { useValue: telemetry });
    const database = await openDatabase({
      ...(overrides.database ?? databaseOptions(config, logger)),
      onWork: (durationMs, failed) => telemetry.metrics.worked(durationMs, failed),
    });
    opened.push(async () => database[Symbol.asyncDispose]());
    const clock = await DatabaseClock.open(database);
    opened.push(() => Promise.resolve(clock[Symbol.dispose]()));
    const store = await fsModuleStore({ directory: join(config.dataDir, 'modules') });
    opened.push(async () => store[Symbol.asyncDispose]());
    const runtime =
      overrides.runtime ??
      (await wasmtime({ compile: 'child', cacheDirectory: false, maxModuleBytes: config.maxWasmSizeBytes }));
    opened.push(async () => runtime[Symbol.asyncDispose]?.());
    scope.register(tokens.plugins, { useValue: plugins });
    scope.register(tokens.config, { useValue: config });
    scope.register(tokens.overrides, { useValue: overrides });
    scope.register(tokens.logger, { useValue: logger });
    scope.register(tokens.database, { useValue: database });
    scope.register(tokens.clock, { useValue: clock });
    scope.register(tokens.store, { useValue: store });
    scope.register(tokens.runtime, { useValue: runtime });
    const [settings, events] = [new SettingRepository(database), new EventBus()];
    scope.register(tokens.signingKey, { useValue: await openInvokeSigningKey(settings) });
    scope.register(tokens.events, { useValue: events });
    scope.register(tokens.access, { useValue: await openAccess({ config, logger, settings, opened }) });
    const routes = new RouteRepository(database);
    // Of an embedded database this process is the only one; what a killed one left would hold rollouts up.
    if (database.kind === 'pglite') await routes.takeOver(config.instanceId);
    scope.register(tokens.routes, { useValue: routes });
    scope.register(tokens.gateway, { useFactory: instanceCachingFactory(composeGateway) });
    scope.register(tokens.parts, { useFactory: instanceCachingFactory(makeParts) });
    return {
      parts: scope.resolve(tokens.parts),
      credentials: new CredentialRepository(database),
      housekeeping: composeHousekeeping(scope),
      catchUp: composeCatchUp(scope),
      ...composeAlerts(scope),
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Nothing that lets anybody in may reach a log. */
const redactedPaths = [
  'authorization',
  '*.authorization',
  'headers.authorization',
  'req.headers.authorization',
  'token',
  '*.token',
  'credential',
  '*.credential',
  ...['databaseUrl', 'redisUrl', ...secretKeys].flatMap((key) => [key, `*.${key}`]),
];

function databaseOptions({ databaseUrl, dataDir }: ServerConfig, logger: Logger): DatabaseOptions {
  const onBackgroundError = (error: unknown): void =>
    logger.warn({ err: error }, 'background work of the database failed');
  return databaseUrl === undefined
    ? { dataDir: join(dataDir, 'database'), onBackgroundError }
    : { url: databaseUrl, onBackgroundError };
}

function makeParts(scope: DependencyContainer): ServerParts {
  const config = scope.resolve(tokens.config);
  const overrides = scope.resolve(tokens.overrides);
  const database = scope.resolve(tokens.database);
  const store = scope.resolve(tokens.store);
  const events = scope.resolve(tokens.events);
  const runtime = scope.resolve(tokens.runtime);
  const modules = new ModuleRepository(database);
  const nodes = new NodeRepository(database);
  const { metrics: measured } = scope.resolve(tokens.telemetry);
  relayHints(database, events);
  const rollouts = makeRollouts(scope, overrides);
  const access = composeAccess(scope.resolve(tokens.access), database, nodes);
  return {
    ...rollouts,
    ...makeInterfaces(scope, modules),
    config,
    modules,
    nodes,
    store,
    events,
    liveEvents: composeEvents(database, events, scope.resolve(tokens.logger)),
    logger: scope.resolve(tokens.logger),
    gateway: scope.resolve(tokens.gateway),
    proxies: composeProxies(scope),
    routes: scope.resolve(tokens.routes),
    version: serverVersion,
    ...access,
    moduleService: new ModuleService({ config, store, modules, runtime, onRegistered: () => measured.registered() }),
    telemetry: watchParts(scope, rollouts),
    releases: new ReleaseRepository(database),
    catchUps: new CatchUpRepository(database),
    nodeMetrics: new PostgresMetricsSource(database),
    deployments: new DeploymentRepository(database),
    audit: composeAudit(database),
    ...composeTrains(database, {
      ...rollouts,
      logger: scope.resolve(tokens.logger),
      failpoint: overrides.failpoint,
    }),
    inquiry: composeInquiry(database, nodes, scope.resolve(tokens.signingKey)),
    keys: new IdempotencyRepository(database),
    changes: database.changes,
    streams: composeStreams(database, access.authenticator),
    signingKey: scope.resolve(tokens.signingKey),
    checkDatabase: async () => void (await database.query('select 1')),
    lifecycle: { state: 'starting', startedAtMs: performance.now() } satisfies Lifecycle,
    checksAnswers: overrides.checksAnswers ?? false,
  };
}

/** Shows what the parts know to whoever reads metrics. */
function watchParts(scope: DependencyContainer, { strategies, hub }: RolloutParts): Telemetry {
  const telemetry = scope.resolve(tokens.telemetry);
  const database = scope.resolve(tokens.database);
  const counts = new FleetCountRepository(database);
  telemetry.metrics.watch({
    dataDirectory: scope.resolve(tokens.config).dataDir,
    strategies: strategies.map(({ name }) => name),
    fleet: () => counts.read(unhealthyAfterMs),
    pool: () => poolUse(database),
    forwarded: () => scope.resolve(tokens.gateway).httpStats(),
    mirrored: () => scope.resolve(tokens.gateway).mirrorStats(),
    connectedAgents: () => hub.size,
  });
  return telemetry;
}

/** The registry of interfaces and the gate that stands on it. */
function makeInterfaces(
  scope: DependencyContainer,
  modules: ModuleRepository,
): Pick<ServerParts, 'interfaces' | 'interfaceRegistry' | 'gate' | 'callers'> {
  const database = scope.resolve(tokens.database);
  const logger = scope.resolve(tokens.logger);
  const interfaces = new InterfaceRepository(database);
  const use = new LiveUseRepository(database);
  const registry = new InterfaceRegistry(interfaces, scope.resolve(tokens.config));
  const callers = new CallerLedger(use, (error) => logger.warn({ err: error }, 'callers could not be written down'));
  const gate = new InterfaceGate({ interfaces, registry, use, modules, callers });
  return { interfaces, interfaceRegistry: registry, gate, callers };
}

type RolloutParts = Pick<
  ServerParts,
  | 'journal'
  | 'fleet'
  | 'metrics'
  | 'metricsSources'
  | 'clock'
  | 'strategies'
  | 'selectors'
  | 'engine'
  | 'loop'
  | 'hub'
  | 'intake'
  | 'policies'
>;

/** What drives deployments: engine and loop, and the line to the agents that carry them out. */
function makeRollouts(scope: DependencyContainer, overrides: ServerOverrides): RolloutParts {
  const database = scope.resolve(tokens.database);
  const logger = scope.resolve(tokens.logger);
  const events = scope.resolve(tokens.events);
  const clock = scope.resolve(tokens.clock);
  const failpoint = overrides.failpoint ?? ((): void => undefined);
  const plugins = scope.resolve(tokens.plugins);
  const known = makeStrategies([
    ...plugins.flatMap((plugin) => plugin.strategies ?? []),
    ...(overrides.strategies ?? []),
  ]);
  const selectors = [...standardSelectors(), ...plugins.flatMap((plugin) => plugin.selectors ?? [])];
  const judges = Object.assign({}, ...plugins.map((plugin) => plugin.judges)) as Readonly<Record<string, Judge>>;
  const { metrics: measured, tracer } = scope.resolve(tokens.telemetry);
  const journal = observedJournal(
    new PostgresJournalStore(database, { failpoint }),
    (ended) => {
      measured.ended(ended);
      if (tracer) traceDeployment(tracer, ended);
    },
    (error) => logger.warn({ err: error }, 'the end of a deployment could not be counted'),
  );
  const { flappingStarts, environment } = scope.resolve(tokens.config);
  const policies = composePolicies(database, { environment });
  const fleet = new PostgresFleetReader(database, { flappingStarts });
  const metrics = new PostgresMetricsSource(database);
  const { triggerIntervalMs } = overrides;
  const metricsSources = makeMetricsSources(scope);
  const engine = createRolloutEngine({
    ...{ journal, fleet, metrics, clock, failpoint, judges, metricsSources, selectors, strategies: known },
    router: scope.resolve(tokens.gateway),
    changeRules: (tenant) => policies.changeRules(tenant),
    engineId: `engine:${scope.resolve(tokens.config).instanceId}`,
    ...(triggerIntervalMs === undefined ? {} : { triggerIntervalMs }),
  });
  const warn =
    (text: string) =>
    (error: unknown): void =>
      logger.warn({ err: error }, text);
  const scheduler = new PostgresScheduler(database, { onError: warn('a wake failed and will come again') });
  const loop = new RolloutLoop({
    ...{ engine, scheduler, clock },
    onError: (error, deploymentId) => logger.error({ err: error, deploymentId }, 'a deployment could not be driven on'),
  });
  const desired = new DesiredStateRepository(database);
  const hub = new AgentHub({
    desired,
    changes: database.changes,
    onError: warn('agents could not be told of changes'),
  });
  const intake = new HeartbeatIntake({
    log: new HeartbeatRepository(database),
    nudge: (tenant, deploymentId) => loop.nudge(tenant, deploymentId),
    onTaken: (outcome, report) => measured.reported(outcome, report),
    onChanged: (tenant, nodeId) => events.emit({ topic: 'node.changed', tenant, subject: nodeId }),
  });
  const reading = { journal, fleet, metrics, metricsSources: Object.keys(metricsSources) };
  return { ...reading, clock, engine, loop, hub, intake, policies, selectors, strategies: known };
}

/** What triggers may ask beside the nodes' reports. A plugin's source stands before the built-in one of its name. */
function makeMetricsSources(scope: DependencyContainer): Readonly<Record<string, MetricsSource>> {
  const { prometheusUrl } = scope.resolve(tokens.config);
  const logger = scope.resolve(tokens.logger);
  const onError = (error: unknown): void => logger.warn({ err: error }, 'Prometheus has no answer for a trigger');
  const builtIn =
    prometheusUrl === undefined ? {} : { prometheus: new PrometheusMetricsSource({ baseUrl: prometheusUrl, onError }) };
  return Object.assign(builtIn, ...scope.resolve(tokens.plugins).map((plugin) => plugin.metricsSources)) as Readonly<
    Record<string, MetricsSource>
  >;
}

/** Loops hear of journal entries of all servers. */
function relayHints({ changes }: Database, events: EventBus): void {
  changes.subscribe((hint) => {
    if (hint.topic === 'deployment')
      events.emit({ topic: 'deployment.changed', tenant: hint.tenant, subject: hint.deploymentId });
  });
}
