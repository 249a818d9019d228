import { describe, expect, it } from 'vitest';
import { blueGreen } from '@hotswap/strategy-blue-green';
import { journalOutline, Simulation, simulateRollout, stepThrough, type SimulationOptions } from '@hotswap/testing';

const minute = 60_000;
const firstTen = (_: string, position: number): boolean => position < 10;

/** What each node holds, in the order of the inventory. */
const held = (simulation: Simulation): readonly string[] =>
  [...simulation.database.nodes.keys()].map((nodeId) => simulation.fleet.loaded(nodeId).join('+') || '-');
const ten = (text: string): readonly string[] => Array<string>(10).fill(text);

async function switched(
  options: Partial<SimulationOptions> & { readonly config?: unknown } = {},
): Promise<{ readonly simulation: Simulation; readonly loads: string[] }> {
  const loads: string[] = [];
  const simulation = new Simulation({
    strategies: [blueGreen()],
    serves: firstTen,
    script: { loads: (node, releaseId) => (loads.push(`${node.nodeId} ${releaseId}`), true) },
    ...options,
  });
  await simulation.deploy({ config: options.config ?? {} });
  await simulation.time.advance(minute);
  return { simulation, loads };
}

describe('blue-green', () => {
  it('deploys and checks Green, switches once, and hands Blue to the retention', () => {
    const { effects, outcome } = stepThrough(blueGreen(), { nodes: 6, running: [[0, 3]] });
    expect(effects.map(({ kind, input }) => ({ kind, input }))).toEqual([
      { kind: 'deploy', input: { nodes: [[3, 6]] } },
      {
        kind: 'verify',
        input: { nodes: [[3, 6]], timeoutMs: 30_000, failure: 'Green environment health checks failed' },
      },
      { kind: 'progress', input: { percent: 50, stage: 'Green' } },
      { kind: 'shiftTraffic', input: { percent: 100, to: [[3, 6]], among: [[0, 6]] } },
      { kind: 'progress', input: { percent: 100, stage: 'Switched' } },
    ]);
    expect(outcome).toEqual({ status: 'Completed', retain: [{ forMs: 3_600_000, retire: [[0, 3]] }] });
  });

  it('takes every target at a first deployment', () => {
    const { effects } = stepThrough(blueGreen(), { nodes: 4, running: [] });
    expect(effects[0]).toMatchObject({ kind: 'deploy', input: { nodes: [[0, 4]] } });
  });

  it('fails without touching anything when Green is smaller than Blue (D-6, DEP-11)', async () => {
    const simulation = await simulateRollout({ strategies: [blueGreen()], serves: (_, position) => position < 11 });
    expect((await simulation.state()).summary).toMatchObject({
      status: 'Failed',
      reason: 'Insufficient capacity for Green environment',
    });
    expect(held(simulation)).toEqual([...ten('v1'), 'v1', ...Array<string>(9).fill('-')]);
    expect(await simulation.fleetReader.routeRevision('default', 'greeter')).toBe(0);
    expect(journalOutline(simulation.journal())).not.toContain('began restore');
  });

  it('fails so after requests were mirrored as well: the copy is gone, so there is nothing to take back (D-6)', async () => {
    const simulation = new Simulation({
      strategies: [blueGreen()],
      serves: (_, position) => position < 11,
      mirrored: () => ({ equal: 500, different: 0, failed: 0, skipped: 0, examples: [] }),
    });
    const mirror = { releaseId: 'v2-copy', percent: 20, duration: 'PT1M', nodes: 2, minimumSamples: 100 };
    await simulation.deploy({
      spec: {
        traffic: {
          mirror: { ...mirror, maxDifferentPercent: 0, maxFailedPercent: 0, compare: {}, onInconclusive: 'pause' },
        },
      },
    });
    await simulation.time.advance(30_000);
    expect(held(simulation).join(' ')).toContain('v2-copy');
    await simulation.finish();
    expect((await simulation.state()).summary).toMatchObject({
      status: 'Failed',
      reason: 'Insufficient capacity for Green environment',
    });
    expect(journalOutline(simulation.journal())).not.toContain('began restore');
    expect(held(simulation)).toEqual([...ten('v1'), 'v1', ...Array<string>(9).fill('-')]);
    expect(simulation.database.mirrors.size).toBe(0);
  });

  it('cleans a sick Green up before any request reached it (DEP-11)', async () => {
    let most = 0;
    const simulation: Simulation = new Simulation({
      strategies: [blueGreen()],
      serves: firstTen,
      script: { healthy: (node, releaseId) => !(releaseId === 'v2' && node.nodeId === 'us-west-3') },
      failpoint: () => void (most = Math.max(most, simulation.sharePercent('v2'))),
    });
    await simulation.deploy();
    await simulation.finish();
    expect((await simulation.state()).summary).toMatchObject({
      status: 'RolledBack',
      reason: 'Green environment health checks failed',
    });
    expect(most).toBe(0);
    expect(held(simulation)).toEqual([...ten('v1'), ...ten('-')]);
  });

  it('keeps Blue warm for its time and no longer (X-13)', async () => {
    const { simulation } = await switched({ config: { blueRetentionPeriod: 'PT2H' } });
    const { summary } = await simulation.state();
    expect((summary.retainedUntil ?? 0) - (summary.endedAt ?? 0)).toBe(120 * minute);
    expect(held(simulation)).toEqual([...ten('v1'), ...ten('v2')]);
    await simulation.time.advance(118 * minute);
    expect(held(simulation)).toEqual([...ten('v1'), ...ten('v2')]);
    await simulation.time.advance(2 * minute);
    expect(held(simulation)).toEqual([...ten('-'), ...ten('v2')]);
  });

  it('retires Blue at once with keepBlueEnvironment false (X-13)', async () => {
    const { simulation } = await switched({ config: { keepBlueEnvironment: false } });
    expect(held(simulation)).toEqual([...ten('-'), ...ten('v2')]);
    expect((await simulation.state()).allowed).not.toContain('rollback');
  });

  it('switches back from Completed in one append, and loads nothing for it', async () => {
    const { simulation, loads } = await switched();
    const before = { loads: loads.length, entries: simulation.journal().length };
    await simulation.command('rollback', { reason: 'complaints' });
    expect(simulation.sharePercent('v1')).toBe(100);
    const appended = simulation.journal().slice(before.entries);
    expect(journalOutline(appended)).toEqual(['rollback', 'turned to rollback', 'began restore']);
    expect(new Set(appended.map(({ at }) => at)).size).toBe(1);
    await simulation.time.advance(1_000);
    expect((await simulation.state()).summary).toMatchObject({ status: 'RolledBack', reason: 'complaints' });
    expect(loads.length).toBe(before.loads);
    expect(held(simulation)).toEqual([...ten('v1'), ...ten('-')]);
  });

  it('waits for a person before the switch with autoPromote false', async () => {
    const { simulation } = await switched({ config: { autoPromote: false } });
    expect((await simulation.state()).summary).toMatchObject({
      status: 'Paused',
      reason: 'Waiting for the switch to Green',
    });
    expect(simulation.sharePercent('v2')).toBe(0);
    await simulation.command('promote');
    await simulation.time.advance(1_000);
    expect(simulation.sharePercent('v2')).toBe(100);
  });

  it('switches back by itself when Green turns sick during its evaluation', async () => {
    const { simulation } = await switched({
      config: { evaluationPeriod: 'PT10M' },
      script: {
        recheckMs: 1_000,
        healthy: (node, id, now) => !(id === 'v2' && node.nodeId === 'us-west-3' && now % 600_000 > 300_000),
      },
    });
    await simulation.time.advance(10 * minute);
    expect((await simulation.state()).summary.status).toBe('RolledBack');
    expect(simulation.sharePercent('v1')).toBe(100);
  });

  it('the next deployment finds its Green where Blue was', async () => {
    const { simulation } = await switched({ config: { keepBlueEnvironment: false } });
    await simulation.time.advance(minute);
    await simulation.deploy({ spec: { deploymentId: 'd3', releaseId: 'v3', moduleId: 'greeter-v3' } });
    await simulation.time.advance(minute);
    expect((await simulation.state('d3')).summary.status).toBe('Completed');
    expect(held(simulation)).toEqual([...ten('v3'), ...ten('v2')]);
    expect(simulation.sharePercent('v3')).toBe(100);
  });

  it('in place keeps both versions on every node and flips the route (X-30)', async () => {
    const { simulation } = await switched({ serves: () => true, config: { placement: 'in-place' } });
    expect(new Set(held(simulation))).toEqual(new Set(['v1+v2']));
    expect(simulation.sharePercent('v2')).toBe(100);
    await simulation.finish();
    expect(new Set(held(simulation))).toEqual(new Set(['v2']));
  });
});
