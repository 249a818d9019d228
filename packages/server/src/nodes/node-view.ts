import type { Duration } from '@hotswap/core';
import type { NodeHealthView, NodeMetricsView, NodeView } from '@hotswap/protocol';
import { entityTag } from '../http/entity-tag.ts';
import type { NodeMetrics } from '../ports/node-metrics.ts';
import type { NodeRecord } from '../ports/node-registry.ts';
import { nodeConditions, nodeStatus } from './node-conditions.ts';

/** @internal */
export function toNodeView(node: NodeRecord, flappingStarts: number): NodeView {
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
    conditions: nodeConditions(node, flappingStarts),
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
    status: nodeStatus(node),
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
