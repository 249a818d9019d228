import type { NodeCondition, NodeStatus } from '@hotswap/protocol';
import type { NodeRecord } from '../ports/node-registry.ts';

/** Silence after which a node counts as Unhealthy (NOD-5). @internal */
export const unhealthyAfterMs = 120_000;
/** CPU above which a node is hinted at as overloaded (NOD-9); a hint, since a busy node still serves. */
const overloadedPercent = 80;

/** What a node's status follows from. @internal */
export type NodeSigns = Pick<
  NodeRecord,
  | 'nodeId'
  | 'isEnabled'
  | 'silentForMs'
  | 'recentStarts'
  | 'generation'
  | 'observedGeneration'
  | 'failedReleases'
  | 'cpuUsagePercent'
>;

/** Disabled by a person, Unhealthy when not heard of for PT2M, Degraded when a release could not be loaded. @internal */
export function nodeStatus(node: Pick<NodeSigns, 'isEnabled' | 'silentForMs' | 'failedReleases'>): NodeStatus {
  if (!node.isEnabled) return 'Disabled';
  if (!isConnected(node)) return 'Unhealthy';
  return node.failedReleases.length > 0 ? 'Degraded' : 'Healthy';
}

/** What is alerted of a node that is silent for that long. @internal */
export function silenceText(nodeId: string, silentForMs: number): string {
  return `${nodeId} has not sent heartbeat in ${Math.floor(silentForMs / 60_000)} minutes`;
}

/**
 * Everything that is or is not as it should be with a node.
 * @param flappingStarts starts in ten minutes that make it one that flaps; 0: none do
 * @internal
 */
export function nodeConditions(node: NodeSigns, flappingStarts: number): readonly NodeCondition[] {
  const { generation, observedGeneration } = node;
  const isSynced = observedGeneration >= generation;
  return [
    connected(node),
    {
      type: 'Synced',
      status: isSynced ? 'True' : 'False',
      reason: isSynced ? 'DesiredStateApplied' : 'DesiredStatePending',
      message: `generation ${observedGeneration} of ${generation} is applied`,
    },
    stable(node, flappingStarts),
    loaded(node),
    cpuAvailable(node),
  ];
}

const isConnected = ({ silentForMs }: Pick<NodeSigns, 'silentForMs'>): boolean =>
  silentForMs !== null && silentForMs < unhealthyAfterMs;

function connected(node: NodeSigns): NodeCondition {
  const { nodeId, silentForMs } = node;
  if (silentForMs === null)
    return {
      type: 'Connected',
      status: 'Unknown',
      reason: 'NeverSeen',
      message: 'no heartbeat has been received yet',
    };
  return isConnected(node)
    ? {
        type: 'Connected',
        status: 'True',
        reason: 'HeartbeatReceived',
        message: `last heard of ${Math.round(silentForMs / 1_000)} s ago`,
      }
    : { type: 'Connected', status: 'False', reason: 'HeartbeatMissing', message: silenceText(nodeId, silentForMs) };
}

function stable({ recentStarts }: NodeSigns, flappingStarts: number): NodeCondition {
  const flaps = flappingStarts > 0 && recentStarts >= flappingStarts;
  return {
    type: 'Stable',
    status: flaps ? 'False' : 'True',
    reason: flaps ? 'Flapping' : 'Running',
    message: `started again ${recentStarts} times within ten minutes`,
  };
}

function loaded({ failedReleases }: NodeSigns): NodeCondition {
  const isLoaded = failedReleases.length === 0;
  return {
    type: 'ModulesLoaded',
    status: isLoaded ? 'True' : 'False',
    reason: isLoaded ? 'AllLoaded' : 'LoadFailed',
    message: isLoaded ? 'every release is loaded or on its way' : `failed: ${failedReleases.slice(0, 10).join(', ')}`,
  };
}

function cpuAvailable({ silentForMs, cpuUsagePercent }: NodeSigns): NodeCondition {
  const seen = silentForMs !== null;
  const isOverloaded = cpuUsagePercent > overloadedPercent;
  return {
    type: 'CpuAvailable',
    status: seen ? (isOverloaded ? 'False' : 'True') : 'Unknown',
    reason: seen ? (isOverloaded ? 'Overloaded' : 'WithinLimit') : 'NeverSeen',
    message: `CPU usage is ${Math.round(cpuUsagePercent)} %`,
  };
}
