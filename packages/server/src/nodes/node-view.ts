import type { Duration } from '@hotswap/core';
import type { NodeCondition, NodeHealthView, NodeMetricsView, NodeStatus, NodeView } from '@hotswap/protocol';
import { entityTag } from '../http/entity-tag.ts';
import type { NodeMetrics } from '../ports/node-metrics.ts';
import type { NodeRecord } from '../ports/node-registry.ts';

/** Silence after which a node counts as Unhealthy (NOD-5). @internal */
export const unhealthyAfterMs = 120_000;
/** CPU above which a node is hinted at as overloaded (NOD-9); a hint, since a busy node still serves. */
const overloadedPercent = 80;

/** @internal */
export function toNodeView(node: NodeRecord): NodeView {
  return {
    ...toNodeHealthView(node),
    hostname: node.hostname,
    region: node.region,
    zone: node.zone,
    labels: node.labels,
    runtime: node.runtime,
    runtimeVersion: node.runtimeVersion,
    capabilities: node.capabilities,
    maxModules: node.maxModules,
    hardware: node.hardware,
    isEnabled: node.isEnabled,
    conditions: conditionsOf(node),
    generation: node.generation,
    observedGeneration: node.observedGeneration,
    deployedModules: node.deployedModules,
    registeredAt: new Date(node.registeredAt).toISOString(),
  };
}

/** @internal */
export function toNodeHealthView(node: NodeRecord): NodeHealthView {
  return {
    nodeId: node.nodeId,
    status: statusOf(node),
    modulesLoaded: node.modulesLoaded,
    cpuUsagePercent: node.cpuUsagePercent,
    memoryUsageMB: node.memoryUsageMB,
    lastHeartbeat: node.lastHeartbeatAt === null ? null : new Date(node.lastHeartbeatAt).toISOString(),
  };
}

/** @internal */
export function toNodeMetricsView(
  nodeId: string,
  window: Duration,
  releases: Awaited<ReturnType<NodeMetrics['ofNode']>>,
): NodeMetricsView {
  return {
    nodeId,
    window,
    modules: releases.map(({ moduleName, releaseId, metrics }) => ({
      moduleName,
      releaseId,
      calls: metrics.samples,
      errorRatePercent: metrics.errorRatePercent,
      crashRatePercent: metrics.crashRatePercent,
      latency: metrics.latency && {
        averageMs: metrics.latency.averageMs,
        p50Ms: metrics.latency.p50Ms,
        p95Ms: metrics.latency.p95Ms,
        p99Ms: metrics.latency.p99Ms,
      },
      peakMemoryBytes: metrics.peakMemoryBytes,
      memoryRefusals: metrics.memoryRefusals,
      cpuMsPerCall: metrics.cpuMsPerCall,
      fuelPerCall: metrics.fuelPerCall,
      custom: Object.fromEntries(Object.entries(metrics.custom).map(([name, { mean }]) => [name, mean])),
    })),
  };
}

/** Of what people can change. @internal */
export function nodeTag({ nodeId, isEnabled, labels, registeredAt }: NodeRecord): string {
  return entityTag({ nodeId, isEnabled, labels, registeredAt });
}

function statusOf(node: NodeRecord): NodeStatus {
  if (!node.isEnabled) return 'Disabled';
  if (!isConnected(node)) return 'Unhealthy';
  return node.failedReleases.length > 0 ? 'Degraded' : 'Healthy';
}

const isConnected = ({ silentForMs }: NodeRecord): boolean => silentForMs !== null && silentForMs < unhealthyAfterMs;

function conditionsOf(node: NodeRecord): readonly NodeCondition[] {
  const { silentForMs, generation, observedGeneration, failedReleases } = node;
  const isSynced = observedGeneration >= generation;
  const seen = silentForMs !== null;
  const isOverloaded = node.cpuUsagePercent > overloadedPercent;
  return [
    {
      type: 'Connected',
      status: seen ? (isConnected(node) ? 'True' : 'False') : 'Unknown',
      reason: seen ? (isConnected(node) ? 'HeartbeatReceived' : 'HeartbeatMissing') : 'NeverSeen',
      message: !seen
        ? 'no heartbeat has been received yet'
        : isConnected(node)
          ? `last heard of ${Math.round(silentForMs / 1_000)} s ago`
          : `${node.nodeId} has not sent heartbeat in ${Math.floor(silentForMs / 60_000)} minutes`,
    },
    {
      type: 'Synced',
      status: isSynced ? 'True' : 'False',
      reason: isSynced ? 'DesiredStateApplied' : 'DesiredStatePending',
      message: `generation ${observedGeneration} of ${generation} is applied`,
    },
    {
      type: 'ModulesLoaded',
      status: failedReleases.length === 0 ? 'True' : 'False',
      reason: failedReleases.length === 0 ? 'AllLoaded' : 'LoadFailed',
      message:
        failedReleases.length === 0
          ? 'every release is loaded or on its way'
          : `failed: ${failedReleases.slice(0, 10).join(', ')}`,
    },
    {
      type: 'CpuAvailable',
      status: seen ? (isOverloaded ? 'False' : 'True') : 'Unknown',
      reason: seen ? (isOverloaded ? 'Overloaded' : 'WithinLimit') : 'NeverSeen',
      message: `CPU usage is ${Math.round(node.cpuUsagePercent)} %`,
    },
  ];
}
