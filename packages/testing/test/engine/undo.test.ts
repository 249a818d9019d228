import { describe, expect, it } from 'vitest';
import {
  defaultModuleRuntime,
  defaultResourceLimits,
  noCapabilities,
  type DeploymentCommandOptions,
} from '@hotswap/core';
import { journalOutline, Simulation, type SimulationOptions } from '@hotswap/testing';
import { testStrategies } from './test-strategies.ts';

const minute = 60_000;

/** Completed and retaining `v1`; `v0` is a release from before that no node has any more. */
async function completed(options: Partial<SimulationOptions> = {}, afterMs = 20 * minute): Promise<Simulation> {
  const simulation = new Simulation({ strategies: testStrategies, ...options });
  simulation.database.addRelease({
    tenant: 'default',
    releaseId: 'v0',
    moduleId: 'greeter-v0',
    moduleName: 'greeter',
    version: '0.9.0',
    digest: '0'.repeat(64),
    sizeBytes: 1_000,
    config: {},
    capabilities: noCapabilities,
    resourceLimits: defaultResourceLimits,
    http: null,
    runtime: defaultModuleRuntime,
    healthCheck: {},
  });
  await simulation.deploy({ strategy: 'Staged' });
  await simulation.time.advance(afterMs);
  return simulation;
}

const rollback = (simulation: Simulation, options: DeploymentCommandOptions = {}) =>
  simulation.engine.command('default', 'd', 'rollback', 'bob', options);
const holds = (simulation: Simulation, region = ''): ReadonlySet<string> =>
  new Set(
    [...simulation.database.nodes.keys()]
      .filter((nodeId) => nodeId.startsWith(region))
      .map((nodeId) => simulation.fleet.loaded(nodeId).join('+') || 'nothing'),
  );

describe('a rollback to a release from before', () => {
  it('serves the baseline at once and the asked release as soon as it is warm', async () => {
    const simulation = await completed();
    await rollback(simulation, { toReleaseId: 'v0', reason: 'v1 has the same fault' });
    expect(simulation.sharePercent('v1')).toBe(100);
    expect(simulation.sharePercent('v2')).toBe(0);
    await simulation.time.advance(minute);
    expect((await simulation.state()).summary).toMatchObject({ status: 'RolledBack', reason: 'v1 has the same fault' });
    expect(simulation.sharePercent('v0')).toBe(100);
    expect(holds(simulation)).toEqual(new Set(['v0']));
    expect(
      simulation.journal().find(({ type, ...entry }) => type === 'command' && 'toReleaseId' in entry),
    ).toMatchObject({
      toReleaseId: 'v0',
      actor: 'bob',
    });
  });

  it('works in the middle of a rollout, too', async () => {
    const simulation = await completed({}, 8 * minute);
    expect(simulation.sharePercent('v2')).toBe(50);
    await rollback(simulation, { toReleaseId: 'v0' });
    await simulation.time.advance(minute);
    expect(holds(simulation)).toEqual(new Set(['v0']));
  });

  it('is the plain rollback when it is the baseline that is asked for', async () => {
    const simulation = await completed();
    const { length } = simulation.journal();
    await rollback(simulation, { toReleaseId: 'v1' });
    expect(simulation.journal().at(-1)).not.toMatchObject({ effect: { input: { releaseId: 'v1' } } });
    expect(journalOutline(simulation.journal().slice(length))).toEqual([
      'rollback',
      'turned to rollback',
      'began restore',
    ]);
    await expect(rollback(simulation, { toReleaseId: 'v2' })).resolves.toMatchObject({
      summary: { status: 'RollingBack' },
    });
  });

  it('is refused for the release that is being rolled back', async () => {
    const simulation = await completed();
    await expect(rollback(simulation, { toReleaseId: 'v2' })).rejects.toMatchObject({
      code: 'HS_DEPLOYMENT_COMMAND_REFUSED',
    });
    expect((await simulation.state()).summary.status).toBe('Completed');
  });

  it('stays with the baseline, and fails loudly, when that release cannot be loaded or is sick', async () => {
    const broken = await completed({ script: { loads: (node, id) => !(id === 'v0' && node.nodeId === 'us-east-3') } });
    await rollback(broken, { toReleaseId: 'v0' });
    await broken.time.advance(5 * minute);
    expect((await broken.state()).summary).toMatchObject({ status: 'Failed' });
    expect((await broken.state()).summary.reason).toContain('could not load v0, so the version from before serves');
    expect(holds(broken)).toEqual(new Set(['v1']));
    expect(broken.sharePercent('v1')).toBe(100);

    const sick = await completed({ script: { healthy: (_node, id) => id !== 'v0' } });
    await rollback(sick, { toReleaseId: 'v0' });
    await sick.time.advance(5 * minute);
    expect((await sick.state()).summary.reason).toContain('serve v0, but it is not healthy');
    expect(sick.database.outbox.at(-1)).toMatchObject({ severity: 'critical' });
  });

  it('goes on under another server', async () => {
    const simulation = await completed();
    await rollback(simulation, { toReleaseId: 'v0' });
    simulation.restart();
    await simulation.time.advance(minute);
    expect(holds(simulation)).toEqual(new Set(['v0']));
  });
});

describe('a rollback of some regions', () => {
  it('brings them back, leaves the others, and keeps what those replaced for as long as it was to be', async () => {
    const simulation = await completed();
    const until = (await simulation.state()).summary.retainedUntil;
    await rollback(simulation, { regions: ['us-west'], reason: 'slow in the west' });
    await simulation.time.advance(1_000);
    const { summary } = await simulation.state();
    expect(summary).toMatchObject({
      status: 'PartiallyCompleted',
      reason: 'slow in the west',
      retainedUntil: until,
      progressPercent: 70,
    });
    expect([holds(simulation, 'us-west'), holds(simulation, 'us-east')]).toEqual([new Set(['v1']), new Set(['v1+v2'])]);
    expect(simulation.sharePercent('v2')).toBe(70);
    await rollback(simulation, { regions: ['eu-central'] });
    await simulation.time.advance(1_000);
    expect((await simulation.state()).summary).toMatchObject({ progressPercent: 50, retainedUntil: until });
    await rollback(simulation);
    await simulation.time.advance(1_000);
    expect((await simulation.state()).summary.status).toBe('RolledBack');
    expect(holds(simulation)).toEqual(new Set(['v1']));
  });

  it('retires what the others replaced when its time is over', async () => {
    const simulation = await completed();
    await rollback(simulation, { regions: ['us-west'] });
    await simulation.finish();
    expect((await simulation.state()).summary).toMatchObject({ status: 'PartiallyCompleted' });
    expect((await simulation.state()).summary.retainedUntil).toBeUndefined();
    expect([holds(simulation, 'us-west'), holds(simulation, 'us-east')]).toEqual([new Set(['v1']), new Set(['v2'])]);
  });

  it('ends as RolledBack with the last region that had the release', async () => {
    const simulation = await completed();
    await rollback(simulation, { regions: ['us-west'], toReleaseId: 'v0' });
    await simulation.time.advance(minute);
    expect((await simulation.state()).summary.status).toBe('PartiallyCompleted');
    await rollback(simulation, { regions: ['us-east', 'eu-central'], reason: 'slow everywhere' });
    await simulation.time.advance(minute);
    const { summary, allowed } = await simulation.state();
    expect(summary).toMatchObject({ status: 'RolledBack', reason: 'slow everywhere' });
    expect([summary.retainedUntil, allowed.includes('abort')]).toEqual([undefined, true]);
    expect([holds(simulation, 'us-west'), holds(simulation, 'us-east')]).toEqual([new Set(['v0']), new Set(['v1'])]);
    expect([simulation.sharePercent('v0'), simulation.sharePercent('v1')]).toEqual([30, 70]);
  });

  it('is refused while the rollout is under way, and for regions that it has no nodes in', async () => {
    const simulation = await completed({}, 8 * minute);
    await expect(rollback(simulation, { regions: ['us-west'] })).rejects.toMatchObject({
      code: 'HS_DEPLOYMENT_COMMAND_REFUSED',
    });
    await expect(rollback(simulation, { regions: ['mars'] })).rejects.toMatchObject({
      code: 'HS_SELECT_UNKNOWN_REGION',
    });
    await rollback(simulation, { regions: ['us-west', 'us-east', 'eu-central'] });
    await simulation.time.advance(1_000);
    expect((await simulation.state()).summary.status).toBe('RolledBack');
  });
});
