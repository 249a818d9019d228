import 'reflect-metadata';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { EventSink, RuntimeHost } from '@hotswap/core';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { pino, type Logger } from 'pino';
import { container, instanceCachingFactory, type DependencyContainer, type InjectionToken } from 'tsyringe';
import { AppliedStateFile } from './applied-state.ts';
import { CallMetrics } from './call-metrics.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { DataPlane } from './data-plane.ts';
import { EdgeAgent } from './edge-agent.ts';
import { agentError } from './error-codes.ts';
import { killingFailpoint, noAgentFailpoint, type AgentFailpoint } from './failpoint.ts';
import { InvokeCalls } from './invoke-call.ts';
import { InvokeTokens } from './invoke-token.ts';
import { ModuleCache } from './module-cache.ts';
import { NodeIdentity } from './node-identity.ts';
import { NodeReconciler } from './reconcile-node.ts';
import { ReleaseLoader } from './release-loader.ts';
import { ServerClient } from './server-client.ts';

/** Runtime adapters by the name that `Runtime` of the configuration has. */
const runtimes: Readonly<Record<string, (config: AgentConfig) => Promise<RuntimeHost>>> = {
  wasmtime: (config) => wasmtime({ cacheDirectory: resolve(config.dataDirectory, 'compiled') }),
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
  slots: Symbol('slots') as InjectionToken<ReturnType<RuntimeHost['createSlotTable']>>,
  failpoint: Symbol('failpoint') as InjectionToken<AgentFailpoint>,
};

/**
 * Puts an agent together; nothing runs before its `start`.
 * @throws HS_AGENT_CONFIG_INVALID for a runtime that is not known, and the codes of the runtime's factory
 * @public
 */
export async function composeAgent(config: AgentConfig, parts: AgentParts = {}): Promise<EdgeAgent> {
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  const log = pino({ level: config.logLevel, base: { nodeId: config.nodeId } });
  const events = parts.events ?? logEvents(log);
  const runtime = parts.runtime ?? (await createRuntime(config));
  warnOfVersion(config, runtime, log);
  const cache = await ModuleCache.open(join(config.dataDirectory, 'modules'), config.cacheMaxSizeBytes);

  const scope = container.createChildContainer();
  once(scope, tokens.slots, () => runtime.createSlotTable());
  once(scope, tokens.failpoint, () => (parts.failpoint === undefined ? noAgentFailpoint : killingFailpoint(parts.failpoint)));
  once(scope, CallMetrics, () => new CallMetrics());
  once(scope, ServerClient, () => new ServerClient(config.orchestratorApiUrl, config.nodeId));
  once(scope, NodeIdentity, () => new NodeIdentity(config.dataDirectory, config.nodeId));
  once(scope, InvokeTokens, (from) => new InvokeTokens(config.nodeId, () => from.resolve(ServerClient).serverTime()));
  once(scope, AppliedStateFile, (from) => new AppliedStateFile(join(config.dataDirectory, 'applied-state'), events, from.resolve(tokens.failpoint)));
  once(scope, ReleaseLoader, (from) => new ReleaseLoader({
    runtime, cache, origin: from.resolve(ServerClient), grants: config.grants, concurrency: config.loadConcurrency, retryForMs: config.loadRetryMs,
  }));
  once(scope, NodeReconciler, (from) => new NodeReconciler({
    nodeId: config.nodeId,
    slots: from.resolve(tokens.slots),
    applied: from.resolve(AppliedStateFile),
    loader: from.resolve(ReleaseLoader),
    metrics: from.resolve(CallMetrics),
    failpoint: from.resolve(tokens.failpoint),
    cache,
    events,
    maxModules: config.maxModules,
    drainGraceMs: config.drainGraceMs,
    drainDeadlineMs: config.drainDeadlineMs,
    onChange: () => agent.nudge(),
  }));
  once(scope, DataPlane, (from) => new DataPlane({
    nodeId: config.nodeId,
    tokens: from.resolve(InvokeTokens),
    calls: new InvokeCalls((name) => from.resolve(NodeReconciler).module(name), from.resolve(tokens.slots)),
    onInternalError: (requestId, error) => log.error({ requestId, err: error }, 'a call failed unexpectedly'),
  }));
  const agent: EdgeAgent = new EdgeAgent({
    config,
    preferredPort: parts.preferredPort ?? 0,
    runtime,
    events,
    reconciler: scope.resolve(NodeReconciler),
    metrics: scope.resolve(CallMetrics),
    tokens: scope.resolve(InvokeTokens),
    dataPlane: scope.resolve(DataPlane),
    client: scope.resolve(ServerClient),
    identity: scope.resolve(NodeIdentity),
  });
  return agent;
}

function once<T>(scope: DependencyContainer, token: InjectionToken<T>, make: (from: DependencyContainer) => T): void {
  scope.register(token, { useFactory: instanceCachingFactory(make) });
}

function createRuntime(config: AgentConfig): Promise<RuntimeHost> {
  const create = runtimes[config.runtime.toLowerCase()];
  if (create !== undefined) return create(config);
  throw agentError('HS_AGENT_CONFIG_INVALID', { why: `Runtime: ${config.runtime} is not known, known are ${Object.keys(runtimes).join(', ')}` });
}

/** D-21: the operator's version is a wish, the real one is reported. */
function warnOfVersion({ runtimeVersion }: AgentConfig, runtime: RuntimeHost, log: Logger): void {
  if (runtimeVersion === undefined || runtimeVersion === runtime.version) return;
  log.warn({ configured: runtimeVersion, actual: runtime.version }, 'RuntimeVersion differs from the runtime that runs: the real one is reported');
}

function logEvents(log: Logger): EventSink {
  return {
    emit: ({ topic, facts }) => {
      const isTrouble = /refused|ignored|lost|not-/.test(topic);
      log[isTrouble ? 'warn' : 'info']({ event: topic, facts }, topic);
    },
  };
}
