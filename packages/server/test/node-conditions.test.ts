import { describe, expect, it } from 'vitest';
import { nodeConditions, nodeStatus, type NodeSigns } from '../src/nodes/node-conditions.ts';

const node: NodeSigns = {
  nodeId: 'edge-us-east-01',
  isEnabled: true,
  silentForMs: 0,
  recentStarts: 0,
  generation: 3,
  observedGeneration: 3,
  failedReleases: [],
  cpuUsagePercent: 10,
};

const conditionOf = (type: string, signs: NodeSigns): unknown => {
  const found = nodeConditions(signs, 3).find((condition) => condition.type === type);
  return [found?.status, found?.reason, found?.message];
};

describe('a node', () => {
  it('is Unhealthy from the moment on in which it was silent for two minutes, and says so (NOD-5)', () => {
    const at = (silentForMs: number): unknown => [
      nodeStatus({ ...node, silentForMs }),
      conditionOf('Connected', { ...node, silentForMs }),
    ];
    expect(at(30_000)).toEqual(['Healthy', ['True', 'HeartbeatReceived', 'last heard of 30 s ago']]);
    expect(at(119_999)).toEqual(['Healthy', ['True', 'HeartbeatReceived', 'last heard of 120 s ago']]);
    expect(at(120_000)).toEqual([
      'Unhealthy',
      ['False', 'HeartbeatMissing', 'edge-us-east-01 has not sent heartbeat in 2 minutes'],
    ]);
    expect(at(3_600_000)).toEqual([
      'Unhealthy',
      ['False', 'HeartbeatMissing', 'edge-us-east-01 has not sent heartbeat in 60 minutes'],
    ]);
  });

  it('that was never heard of is Unhealthy, without a word of heartbeats that are missing', () => {
    const silent = { ...node, silentForMs: null };
    expect([nodeStatus(silent), conditionOf('Connected', silent)]).toEqual([
      'Unhealthy',
      ['Unknown', 'NeverSeen', 'no heartbeat has been received yet'],
    ]);
  });

  it('is Disabled whatever else is wrong with it, and Degraded when a release could not be loaded', () => {
    const failing = { ...node, failedReleases: ['rel-1'] };
    expect(nodeStatus({ ...failing, isEnabled: false, silentForMs: null })).toBe('Disabled');
    expect(nodeStatus(failing)).toBe('Degraded');
    expect(conditionOf('ModulesLoaded', failing)).toEqual(['False', 'LoadFailed', 'failed: rel-1']);
  });

  it('flaps from so many starts on as are configured, and never with 0', () => {
    expect(conditionOf('Stable', { ...node, recentStarts: 2 })).toMatchObject(['True', 'Running', expect.any(String)]);
    expect(conditionOf('Stable', { ...node, recentStarts: 3 })).toMatchObject([
      'False',
      'Flapping',
      expect.any(String),
    ]);
    expect(nodeConditions({ ...node, recentStarts: 99 }, 0).every(({ status }) => status === 'True')).toBe(true);
  });
});
