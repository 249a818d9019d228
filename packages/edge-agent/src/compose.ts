import 'reflect-metadata';
import { access, constants, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { EventSink, RuntimeHost, SlotTable } from '@hotswap/core';
import { pino, type Logger } from 'pino';
import type { OtlpTracer } from '@hotswap/telemetry';
import { container, instanceCachingFactory, type DependencyContainer, type InjectionToken } from 'tsyringe';
import { AppliedStateFile } from './modules/applied-state.ts';
import { CallMetrics } from './metrics/call-metrics.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { EdgeAgent } from './edge-agent.ts';
import type { RunningAgent } from './running-agent.ts';
import { agentError } from './error-codes.ts';
import { killingFailpoint, noAgentFailpoint, type AgentFailpoint } from './failpoint.ts';
import { HttpPublisher } from './fronts/http-publisher.ts';
import { InvokeCalls } from './calls/invoke-call.ts';
import { InvokeTokens } from './fronts/invoke-token.ts';
import { KeptVersions } from './modules/kept-versions.ts';
import { LoadQuarantine } from './modules/load-quarantine.ts';
import { agentVersion } from './agent-version.ts';
import { eventLog, logTimeLimit, warnOfVersion } from './log/agent-log.ts';
import { AgentMetrics } from './metrics/agent-metrics.ts';
import { LoadTimes } from './modules/load-times.ts';
import { MetricsListener } from './metrics/metrics-listener.ts';
import { ModuleCache } from './modules/module-cache.ts';
import type { NodeFront } from './fronts/node-front.ts';
import { NodeLog } from './log/node-log.ts';
import { NodeIdentity } from './server/node-identity.ts';
import { NodeRequests } from './fronts/node-requests.ts';
import { PlainFront } from './fronts/plain-front.ts';
import { PlaneFront, type PublicPort } from './fronts/plane-front.ts';
import { PublicCertificate } from './fronts/public-certificate.ts';
import { NodeReconciler } from './modules/reconcile-node.ts';
import { ReleaseLoader } from './modules/release-loader.ts';
import { ServerClient } from './server/server-client.ts';
import { ServerQuestions } from './fronts/server-questions.ts';
import { trustedAuthorities } from './server/trusted-authorities.ts';

/** Runtime adapters by the name that `Runtime` of the configuration has; a node loads the one that it uses. */
const runtimes: Readonly<Record<string, (config: AgentConfig) => Promise<RuntimeHost>>> = {
  wasmtime: async ({ dataDirectory, experimental }) => {
    const { wasmtime } = await import('@hotswap/runtime-wasmtime');
    return wasmtime({ compile: 'child', cacheDirectory: resolve(dataDirectory, 'compiled'), experimental });
  },
  wasmer: async () => (await import('@hotswap/runtime-wasmer')).wasmer(),
  wasmedge: async () => (await import('@hotswap/runtime-wasmedge')).wasmedge(),
};

/** Parts that differ between a program and a test. @public */
export interface AgentParts {
  /** Default: the adapter that the configuration names. The agent disposes of it. */
  readonly runtime?: RuntimeHost;
  /** Default: one log line per event on standard output. */
  readonly events?: EventSink;
  /** Names a moment at which the process kills itself; for fault tests. Default none. */
  readonly failpoint?: string;
  /** Port that is tried first when the configuration leaves it open. Default none. */
  readonly preferredPort?: number;
}

const tokens = {
  log: Symbol('log') as InjectionToken<Logger>,
  events: Symbol('events') as InjectionToken<EventSink>,
  runtime: Symbol('runtime') as InjectionToken<RuntimeHost>,
  cache: Symbol('cache') as InjectionToken<ModuleCache>,
  slots: Symbol('slots') as InjectionToken<SlotTable>,
  front: Symbol('front') as InjectionToken<NodeFront>,
  tracing: Symbol('tracing') as InjectionToken<{ readonly tracer: OtlpTracer | undefined }>,
  failpoint: Symbol('failpoint') as InjectionToken<AgentFailpoint>,
};

/**
 * Puts an agent together; nothing runs before its `start`.
 * @throws HS_AGENT_CONFIG_INVALID for a runtime that is not known or a data directory that cannot be written to, and the codes of the runtime's factory
 * @public
 */
export async function composeAgent(config: AgentConfig, parts: AgentParts = {}): Promise<RunningAgent> {
  await makeDataDirectory(config.dataDirectory);
  const log = pino({ level: config.logLevel, base: { nodeId: config.nodeId } });
  const runtime = parts.runtime ?? (await createRuntime(config));
  warnOfVersion(config, runtime, log);
  const scope = container.createChildContainer();
  scope.register(tokens.log, { useValue: log });
  scope.register(tokens.events, { useValue: parts.events ?? eventLog(log) });
  scope.register(tokens.runtime, { useValue: runtime });
  scope.register(tokens.cache, {
    useValue: await ModuleCache.open(join(config.dataDirectory, 'modules'), config.cacheMaxSizeBytes),
  });
  scope.register(tokens.tracing, { useValue: { tracer: await openTracing(config, log) } });
  const { failpoint } = parts;
  scope.register(tokens.failpoint, {
    useValue: failpoint === undefined ? noAgentFailpoint : killingFailpoint(failpoint),
  });
  registerServices(scope, config);
  registerNode(scope, config);
  once(scope, EdgeAgent, (from) => createAgent(from, config, parts.preferredPort ?? 0));
  return scope.resolve(EdgeAgent);
}

function registerServices(scope: DependencyContainer, config: AgentConfig): void {
  const { nodeId, dataDirectory, orchestratorApiUrl, caFile } = config;
  const makeMetrics = (from: DependencyContainer): CallMetrics =>
    new CallMetrics(
      () => from.resolve(tokens.front).versionStats(),
      (calls) => from.resolve(NodeLog).httpCrashes(calls),
    );
  once(scope, CallMetrics, makeMetrics);
  once(scope, LoadTimes, () => new LoadTimes());
  once(scope, NodeLog, () => new NodeLog(config.log));
  once(scope, ServerClient, () => new ServerClient(orchestratorApiUrl, nodeId, trustedAuthorities(caFile)));
  once(scope, NodeIdentity, () => new NodeIdentity(dataDirectory, nodeId));
  once(scope, InvokeTokens, (from) => new InvokeTokens(nodeId, () => from.resolve(ServerClient).serverTime()));
  once(scope, tokens.slots, (from) => from.resolve(tokens.runtime).createSlotTable());
  once(
    scope,
    AppliedStateFile,
    (from) =>
      new AppliedStateFile(
        join(dataDirectory, 'applied-state'),
        from.resolve(tokens.events),
        from.resolve(tokens.failpoint),
      ),
  );
  once(
    scope,
    ReleaseLoader,
    (from) =>
      new ReleaseLoader({
        runtime: from.resolve(tokens.runtime),
        cache: from.resolve(tokens.cache),
        origin: from.resolve(ServerClient),
        times: from.resolve(LoadTimes),
        quarantine: new LoadQuarantine(join(dataDirectory, 'loading')),
        grants: config.grants,
        concurrency: config.loadConcurrency,
        retryForMs: config.loadRetryMs,
      }),
  );
}

function registerNode(scope: DependencyContainer, config: AgentConfig): void {
  once(
    scope,
    NodeReconciler,
    (from) =>
      new NodeReconciler({
        nodeId: config.nodeId,
        slots: from.resolve(tokens.slots),
        applied: from.resolve(AppliedStateFile),
        versions: new KeptVersions(from.resolve(tokens.cache), config.keepVersions),
        loader: from.resolve(ReleaseLoader),
        metrics: from.resolve(CallMetrics),
        log: from.resolve(NodeLog),
        failpoint: from.resolve(tokens.failpoint),
        cache: from.resolve(tokens.cache),
        events: from.resolve(tokens.events),
        maxModules: config.maxModules,
        drainGraceMs: config.drainGraceMs,
        drainDeadlineMs: config.drainDeadlineMs,
        onChange: () => scope.resolve(EdgeAgent).nudge(),
        onServed: () => scope.resolve(HttpPublisher).touch(),
      }),
  );
  once(scope, InvokeCalls, (from) => {
    const reconciler = from.resolve(NodeReconciler);
    return new InvokeCalls((name) => reconciler.module(name), from.resolve(tokens.slots), from.resolve(NodeLog));
  });
  once(
    scope,
    NodeRequests,
    (from) =>
      new NodeRequests({
        nodeId: config.nodeId,
        tokens: from.resolve(InvokeTokens),
        calls: from.resolve(InvokeCalls),
        questions: makeQuestions(from),
        tracer: from.resolve(tokens.tracing).tracer,
        onTimeLimit: (requestId, url) => logTimeLimit(from.resolve(tokens.log), requestId, url),
        onInternalError: (requestId, error) =>
          from.resolve(tokens.log).error({ requestId, err: error }, 'a call failed unexpectedly'),
      }),
  );
  once(scope, tokens.front, (from) => createFront(from, config));
  once(
    scope,
    HttpPublisher,
    (from) =>
      new HttpPublisher(
        () => from.resolve(NodeReconciler).httpModules(),
        (modules) => from.resolve(tokens.front).publish(modules),
      ),
  );
}

function makeQuestions(from: DependencyContainer): ServerQuestions {
  const reconciler = from.resolve(NodeReconciler);
  return new ServerQuestions({
    log: from.resolve(NodeLog),
    release: (moduleName, releaseId) => reconciler.module(moduleName)?.release(releaseId),
    moduleCount: () => reconciler.moduleCount,
  });
}

/** A runtime that serves HTTP itself gets the ports; others are called through Node's own server. */
function createFront(from: DependencyContainer, config: AgentConfig): NodeFront {
  const runtime = from.resolve(tokens.runtime);
  const requests = from.resolve(NodeRequests);
  const publicPort = publicPortOf(config, from.resolve(tokens.log));
  if (servesHttp(runtime)) {
    return new PlaneFront({
      runtime,
      slots: from.resolve(tokens.slots),
      requests,
      tokens: from.resolve(InvokeTokens),
      log: from.resolve(NodeLog),
      ...(publicPort === undefined ? {} : { publicPort }),
    });
  }
  if (publicPort === undefined) return new PlainFront(requests);
  throw agentError('HS_AGENT_CONFIG_INVALID', { why: `HttpPort: the runtime ${runtime.name} serves no HTTP` });
}

function servesHttp(runtime: RuntimeHost): runtime is RuntimeHost & Required<Pick<RuntimeHost, 'createHttpPlane'>> {
  return runtime.capabilities.http && runtime.createHttpPlane !== undefined;
}

function publicPortOf(config: AgentConfig, log: Logger): PublicPort | undefined {
  const { httpHost, httpPort, httpTls, trustedProxies } = config;
  if (httpPort === 0) return undefined;
  const where = { host: httpHost, port: httpPort, ...(trustedProxies.length === 0 ? {} : { trustedProxies }) };
  if (httpTls === undefined) return where;
  const certificate = new PublicCertificate(httpTls.certFile, httpTls.keyFile, (error) =>
    log.warn({ err: error }, 'the renewed certificate of the public port cannot be used'),
  );
  return { ...where, certificate };
}

function createAgent(from: DependencyContainer, config: AgentConfig, preferredPort: number): EdgeAgent {
  return new EdgeAgent({
    config,
    preferredPort,
    runtime: from.resolve(tokens.runtime),
    events: from.resolve(tokens.events),
    reconciler: from.resolve(NodeReconciler),
    metrics: from.resolve(CallMetrics),
    tokens: from.resolve(InvokeTokens),
    front: from.resolve(tokens.front),
    publisher: from.resolve(HttpPublisher),
    client: from.resolve(ServerClient),
    identity: from.resolve(NodeIdentity),
    loads: from.resolve(LoadTimes),
    tracing: from.resolve(tokens.tracing).tracer,
    openMetrics: () => openMetrics(from, config),
  });
}

async function openTracing(
  { otlpEndpoint: endpoint, nodeId }: AgentConfig,
  log: Logger,
): Promise<OtlpTracer | undefined> {
  if (endpoint === undefined) return undefined;
  const { openTracer } = await import('@hotswap/telemetry');
  const onError = (error: unknown): void => log.warn({ err: error }, 'traces could not be delivered and are lost');
  return openTracer({ endpoint, service: 'wasm-edge-agent', instance: nodeId, version: agentVersion, onError });
}

function openMetrics(from: DependencyContainer, config: AgentConfig): Promise<MetricsListener> | undefined {
  if (config.metricsPort === 0) return undefined;
  const reconciler = from.resolve(NodeReconciler);
  const metrics = new AgentMetrics({
    config,
    version: agentVersion,
    runtimeVersion: from.resolve(tokens.runtime).version,
    calls: from.resolve(CallMetrics),
    loads: from.resolve(LoadTimes),
    observe: () => reconciler.observe(),
  });
  return MetricsListener.open(metrics, config.metricsHost, config.metricsPort);
}

function once<T>(scope: DependencyContainer, token: InjectionToken<T>, make: (from: DependencyContainer) => T): void {
  scope.register(token, { useFactory: instanceCachingFactory(make) });
}

function createRuntime(config: AgentConfig): Promise<RuntimeHost> {
  const name = config.runtime.toLowerCase();
  if (config.experimental.length > 0 && name !== 'wasmtime') {
    throw agentError('HS_AGENT_CONFIG_INVALID', {
      why: `Experimental: ${config.experimental.join(', ')} is Wasmtime's, Runtime is ${config.runtime}`,
    });
  }
  const create = runtimes[name];
  if (create !== undefined) return create(config);
  throw agentError('HS_AGENT_CONFIG_INVALID', {
    why: `Runtime: ${config.runtime} is not known, known are ${Object.keys(runtimes).join(', ')}`,
  });
}

/** Starting again would not mend it: whoever configured it has to. */
async function makeDataDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const why = `DataDirectory ${path} cannot be made or written to (${code}): give it to the user of the agent, or name another one`;
    throw agentError('HS_AGENT_CONFIG_INVALID', { why }, error);
  }
}
