import 'reflect-metadata';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createRolloutEngine,
  hotSwapError,
  type Clock,
  type Failpoint,
  type Judge,
  type MetricsSource,
  type MirrorBoard,
  type ModuleStore,
  type RuntimeHost,
  type Strategy,
} from '@hotswap/core';
import { Gateway, type GatewayOptions } from '@hotswap/gateway';
import { PrometheusMetricsSource } from '@hotswap/metrics-prometheus';
import { HaproxyRouter } from '@hotswap/router-haproxy';
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
  NodeSilenceRepository,
  openDatabase,
  OutboxRepository,
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
import { container, instanceCachingFactory, type DependencyContainer, type InjectionToken } from 'tsyringe';
import { AlertLoop } from './alerts/alert-loop.ts';
import { AlertWebhook } from './alerts/alert-webhook.ts';
import { NodeWatchLoop } from './alerts/node-watch-loop.ts';
import { AgentHub } from './agents/agent-hub.ts';
import { HeartbeatIntake } from './agents/heartbeat-intake.ts';
import { composePolicies } from './compose-policy.ts';
import { composeTrains } from './compose-trains.ts';
import { accessCleaners, composeAccess, composeAudit, openAccess, type OpenAccess } from './compose-access.ts';
import { composeInquiry } from './compose-nodes.ts';
import { openInvokeSigningKey, type InvokeSigningKey } from './auth/invoke-signing-key.ts';
import { secretKeys, type ServerConfig } from './config/schema.ts';
import { EventBus } from './event-bus.ts';
import { EventStreams } from './http/event-stream.ts';
import { CallerLedger } from './interfaces/caller-ledger.ts';
import { InterfaceGate } from './interfaces/interface-gate.ts';
import { InterfaceRegistry } from './interfaces/interface-registry.ts';
import { startServer, type ComposedServer, type RunningServer } from './hotswap-server.ts';
import { CatchUpLoop } from './loops/catch-up-loop.ts';
import { HousekeepingLoop } from './loops/housekeeping-loop.ts';
import { openTelemetry } from './telemetry/open-telemetry.ts';
import { observedJournal } from './telemetry/observed-journal.ts';
import { traceDeployment } from './telemetry/trace-deployment.ts';
import { RolloutLoop } from './loops/rollout-loop.ts';
import { ModuleService } from './modules/module-service.ts';
import { loadPlugins } from './plugins/load-plugins.ts';
import type { ServerPlugin } from './plugins/server-plugin.ts';
import type { ProxyRouter } from './ports/proxy-router.ts';
import { unhealthyAfterMs } from './nodes/node-conditions.ts';
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

/** Parts that differ between a program and a test. @public */
export interface ServerOverrides {
  /** Looks at uploaded modules. Default: Wasmtime without a cache of compiled code. */
  readonly runtime?: Pick<RuntimeHost, 'inspect'> & Partial<AsyncDisposable>;
  /** Default: the URL of the configuration, else PGlite in its data directory. */
  readonly database?: DatabaseOptions;
  /** Further strategies, beside those of plugins. */
  readonly strategies?: readonly Strategy<unknown>[];
  /** Called at named moments of engine and journal; for fault tests. Default: does nothing. */
  readonly failpoint?: Failpoint;
  /** Checks every answer against its schema. Default `false`. */
  readonly checksAnswers?: boolean;
  /** Time between two readings of rollback triggers. Default as in the engine. */
  readonly triggerIntervalMs?: number;
  /** When silent nodes are noted, and how often that is looked at. Default after two minutes, each five seconds. */
  readonly nodeWatch?: { readonly unhealthyAfterMs: number; readonly lookMs: number };
}

const tokens = {
  config: Symbol('config') as InjectionToken<ServerConfig>,
  overrides: Symbol('overrides') as InjectionToken<ServerOverrides>,
  logger: Symbol('logger') as InjectionToken<Logger>,
  database: Symbol('database') as InjectionToken<Database>,
  clock: Symbol('clock') as InjectionToken<Clock & Disposable>,
  store: Symbol('store') as InjectionToken<ModuleStore>,
  runtime: Symbol('runtime') as InjectionToken<Pick<RuntimeHost, 'inspect'> & Partial<AsyncDisposable>>,
  access: Symbol('access') as InjectionToken<OpenAccess>,
  signingKey: Symbol('signingKey') as InjectionToken<InvokeSigningKey>,
  events: Symbol('events') as InjectionToken<EventBus>,
  routes: Symbol('routes') as InjectionToken<RouteRepository>,
  gateway: Symbol('gateway') as InjectionToken<Gateway>,
  parts: Symbol('parts') as InjectionToken<ServerParts>,
  telemetry: Symbol('telemetry') as InjectionToken<Telemetry>,
  plugins: Symbol('plugins') as InjectionToken<readonly ServerPlugin[]>,
};

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
    scope.register(tokens.access, { useValue: await openAccess({ config, logger, settings, events, opened }) });
    const routes = new RouteRepository(database);
    // Of an embedded database this process is the only one; what a killed one left would hold rollouts up.
    if (database.kind === 'pglite') await routes.takeOver(config.instanceId);
    scope.register(tokens.routes, { useValue: routes });
    scope.register(tokens.gateway, { useFactory: instanceCachingFactory(makeGateway) });
    scope.register(tokens.parts, { useFactory: instanceCachingFactory(makeParts) });
    return {
      parts: scope.resolve(tokens.parts),
      credentials: new CredentialRepository(database),
      housekeeping: makeHousekeeping(scope),
      catchUp: makeCatchUp(scope),
      ...makeAlerts(scope),
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

/** What the gateway and adapters of proxies follow, and whom they tell that a route is served. */
function routeFollowing(scope: DependencyContainer): Pick<GatewayOptions, 'board' | 'source' | 'onServed' | 'onError'> {
  const routes = scope.resolve(tokens.routes);
  const { changes } = scope.resolve(tokens.database);
  const logger = scope.resolve(tokens.logger);
  return {
    board: routes,
    onError: (error) => logger.warn({ err: error }, 'a router could not follow the routes'),
    onServed: (served) =>
      void nudgeModules(scope.resolve(tokens.parts), served).catch((error: unknown) =>
        logger.warn({ err: error }, 'rollouts were not told of a served route'),
      ),
    source: {
      all: () => routes.all(),
      find: (tenant, moduleName) => routes.find(tenant, moduleName),
      subscribe: (handler) =>
        changes.subscribe((hint) => {
          if (hint.topic === 'route') handler({ tenant: hint.tenant, moduleName: hint.moduleName });
          else if (hint.topic === 'resync') handler('all');
        }),
    },
  };
}

function makeGateway(scope: DependencyContainer): Gateway {
  return new Gateway({
    ...routeFollowing(scope),
    mirrors: makeMirrorBoard(scope),
    instanceId: scope.resolve(tokens.config).instanceId,
    signToken: (nodeId, lifetimeMs) => scope.resolve(tokens.signingKey).sign(nodeId, lifetimeMs),
  });
}

/** Reports are looked at at once: too many differences should not wait for a timer. */
function makeMirrorBoard(scope: DependencyContainer): MirrorBoard {
  const routes = scope.resolve(tokens.routes);
  return {
    reportMirrors: async (instanceId, reports) => {
      await routes.reportMirrors(instanceId, reports);
      const { loop } = scope.resolve(tokens.parts);
      for (const { tenant, deploymentId } of reports) loop.nudge(tenant, deploymentId);
    },
  };
}

/** The proxies that the configuration names. */
function makeProxies(scope: DependencyContainer): readonly ProxyRouter[] {
  const { instanceId, haproxySocket, haproxyMapFile } = scope.resolve(tokens.config);
  if (haproxySocket === undefined || haproxyMapFile === undefined) return [];
  return [
    new HaproxyRouter({
      ...routeFollowing(scope),
      instanceId: `${instanceId}:haproxy`,
      socket: haproxySocket,
      mapFile: haproxyMapFile,
    }),
  ];
}

/** A shift of traffic ends when its revision is served: whoever waits for that should not wait for a timer. */
async function nudgeModules(
  { deployments, loop, events }: ServerParts,
  served: readonly { readonly tenant: string; readonly moduleName: string; readonly revision: number }[],
): Promise<void> {
  for (const { tenant, moduleName, revision } of served) {
    events.emit({ topic: 'route.changed', tenant, subject: moduleName, facts: { revision } });
    const { items } = await deployments.list(tenant, { moduleName, statuses: ['InProgress', 'Paused', 'RollingBack'] });
    for (const { spec } of items) loop.nudge(tenant, spec.deploymentId);
  }
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
  return {
    ...rollouts,
    ...makeInterfaces(scope, modules),
    config,
    modules,
    nodes,
    store,
    events,
    logger: scope.resolve(tokens.logger),
    gateway: scope.resolve(tokens.gateway),
    proxies: makeProxies(scope),
    routes: scope.resolve(tokens.routes),
    version: serverVersion,
    ...composeAccess(scope.resolve(tokens.access), database, nodes),
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
    streams: new EventStreams(),
    serverPublicKey: scope.resolve(tokens.signingKey).publicKey,
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
  return { journal, fleet, metrics, clock, engine, loop, hub, intake, policies, selectors, strategies: known };
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

/** Screens hear of journal entries of all servers. */
function relayHints({ changes }: Database, events: EventBus): void {
  changes.subscribe((hint) => {
    if (hint.topic === 'deployment')
      events.emit({ topic: 'deployment.changed', tenant: hint.tenant, subject: hint.deploymentId });
  });
}

const callersRetentionMs = 30 * 86_400_000;
function makeAlerts(scope: DependencyContainer): Pick<ComposedServer, 'alerts' | 'nodeWatch'> {
  const database = scope.resolve(tokens.database);
  const clock = scope.resolve(tokens.clock);
  const { events, logger, changes, config } = scope.resolve(tokens.parts);
  const { alertsWebhookUrl: url, alertsWebhookSecret: secret } = config;
  const signed = secret === undefined ? {} : { secret };
  const webhook = url === undefined ? {} : { webhook: new AlertWebhook({ url, now: () => clock.now(), ...signed }) };
  return {
    alerts: new AlertLoop({ outbox: new OutboxRepository(database), changes, events, logger, ...webhook }),
    nodeWatch: new NodeWatchLoop({
      silences: new NodeSilenceRepository(database),
      events,
      onError: (error) => logger.warn({ err: error }, 'nodes were not looked at and will be later'),
      ...scope.resolve(tokens.overrides).nodeWatch,
    }),
  };
}

function makeCatchUp(scope: DependencyContainer): CatchUpLoop {
  const { catchUps, fleet, selectors, events, logger } = scope.resolve(tokens.parts);
  return new CatchUpLoop({
    ...{ catchUps, fleet, selectors, events },
    onError: (error) => logger.warn({ err: error }, 'nodes could not be brought up to date and will be tried again'),
  });
}

const metricsRetentionMs = 7 * 86_400_000;
/** Seconds are needed while a rollout looks at its last minutes, minutes for what was rolled out today. */
const metricsRollUps = { minutes: [120_000, 60], hours: [86_400_000, 3_600] } as const;

function makeHousekeeping(scope: DependencyContainer): HousekeepingLoop {
  const { keys, logger } = scope.resolve(tokens.parts);
  const database = scope.resolve(tokens.database);
  const metrics = new PostgresMetricsSource(database);
  return new HousekeepingLoop({
    keys,
    outbox: new OutboxRepository(database),
    cleaners: [
      () => new LiveUseRepository(database).forgetCallers(callersRetentionMs),
      ...accessCleaners(database),
      () => metrics.deleteOlderThan(metricsRetentionMs),
      () => metrics.rollUp(...metricsRollUps.hours),
    ],
    compactors: [() => metrics.rollUp(...metricsRollUps.minutes)],
    onError: (error) => logger.warn({ err: error }, 'housekeeping failed and will come again'),
  });
}
