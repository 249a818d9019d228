import { describe, expect, it } from 'vitest';
import type { DeploymentView, NodeConditionType, NodeView } from '@hotswap/protocol';
import { diagnoseFleet, type Finding, type FleetSigns } from '../src/doctor/diagnose-fleet.ts';

const node = (nodeId: string, changes: Partial<NodeView> = {}, failing: readonly NodeConditionType[] = []): NodeView =>
  ({
    nodeId,
    status: 'Healthy',
    isEnabled: true,
    runtime: 'Wasmtime',
    runtimeVersion: '46.0.0',
    conditions: (['Connected', 'Synced', 'Stable', 'ModulesLoaded', 'CpuAvailable'] as const).map((type) => ({
      type,
      status: failing.includes(type) ? 'False' : 'True',
      reason: '',
      message: '',
    })),
    ...changes,
  }) as NodeView;

const deployment = (deploymentId: string, changes: Partial<DeploymentView> = {}): DeploymentView =>
  ({ deploymentId, moduleId: 'greeter-v1.0.0', status: 'Paused', stuck: false, ...changes }) as DeploymentView;

const signs: FleetSigns = {
  health: { status: 'Healthy', version: '1.0.0', uptime: 'PT2H', dependencies: { postgresql: 'Healthy' } },
  nodes: [node('edge-1'), node('edge-2')],
  stuck: [],
  waiting: [],
  ownVersion: '1.0.0',
};

const findingOf = (check: Finding['check'], changes: Partial<FleetSigns>): Finding | undefined =>
  diagnoseFleet({ ...signs, ...changes }).find((finding) => finding.check === check);

describe('diagnoseFleet', () => {
  it('finds nothing in a fleet that is well', () => {
    const findings = diagnoseFleet(signs);
    expect(findings.map(({ level }) => level)).toEqual(Array(8).fill('ok'));
    expect(findings.some(({ next }) => next !== undefined)).toBe(false);
  });

  it.each<[Finding['check'], Finding['level'], string, Partial<FleetSigns>]>([
    [
      'server',
      'fail',
      'Degraded: postgresql',
      { health: { status: 'Degraded', dependencies: { postgresql: 'Unhealthy', minio: 'Healthy' } } },
    ],
    [
      'versions',
      'warn',
      'the server is 2.0.0, this program 1.0.0',
      { health: { status: 'Healthy', version: '2.0.0' } },
    ],
    [
      'versions',
      'warn',
      'wasmtime 46.0.0 on 1, 45.0.0 on 1',
      { nodes: [node('a'), node('b', { runtime: 'wasmtime', runtimeVersion: '45.0.0' })] },
    ],
    ['nodes', 'warn', 'none', { nodes: [] }],
    [
      'nodes',
      'fail',
      '1 of 2 offline, 1 disabled: b',
      { nodes: [node('a'), node('b', { status: 'Unhealthy' }), node('c', { status: 'Disabled', isEnabled: false })] },
    ],
    ['stability', 'fail', '1 start again and again: b', { nodes: [node('a'), node('b', {}, ['Stable'])] }],
    ['sync', 'warn', '1 still to apply what they were told: b', { nodes: [node('a'), node('b', {}, ['Synced'])] }],
    ['modules', 'fail', '1 nodes could not load a release: b', { nodes: [node('b', {}, ['ModulesLoaded'])] }],
    [
      'deployments',
      'fail',
      '1 stuck: d1 (greeter-v1.0.0, Paused: No progress for PT30M)',
      { stuck: [deployment('d1', { reason: 'No progress for PT30M' })] },
    ],
    [
      'waiting',
      'warn',
      '1 wait for a person: d2 (greeter-v1.0.0, PendingApproval)',
      { waiting: [deployment('d2', { status: 'PendingApproval' })] },
    ],
  ])('%s: %s "%s", with what to do next', (check, level, summary, changes) => {
    expect(findingOf(check, changes)).toEqual({ check, level, summary, next: expect.stringMatching(/\w/) as string });
  });

  it('names five of many nodes', () => {
    const nodes = Array.from({ length: 30 }, (_, index) => node(`n${index}`, { status: 'Unhealthy' }));
    expect(findingOf('nodes', { nodes })?.summary).toBe('30 of 30 offline: n0, n1, n2, n3, n4 and 25 more');
  });

  it('does not count a node that is offline as one that lags, nor a stuck deployment twice', () => {
    const one = deployment('d1');
    expect(findingOf('sync', { nodes: [node('a', { status: 'Unhealthy' }, ['Synced'])] })?.level).toBe('ok');
    expect(findingOf('waiting', { stuck: [one], waiting: [one] })?.level).toBe('ok');
  });
});
