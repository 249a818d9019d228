import { readFileSync } from 'node:fs';
import { defaultAutoRollback, defaultHealthCheck, isHotSwapError } from '@hotswap/core';
import type { SimulateRequest } from '@hotswap/protocol';
import { readScenario, runSimulation, simulate } from '@hotswap/simulator';
import { abTesting } from '@hotswap/strategy-ab-testing';
import { allAtOnce } from '@hotswap/strategy-all-at-once';
import { canary } from '@hotswap/strategy-canary';
import { rolling } from '@hotswap/strategy-rolling';
import { describe, expect, it } from 'vitest';

const strategies = [allAtOnce(), canary(), rolling()];
const base: SimulateRequest = {
  deployment: { moduleId: 'greeter-v1.1.0', strategy: 'Canary', strategyConfig: { evaluationPeriod: 'PT1M' } },
  fleet: { regions: { 'us-east': 12, 'eu-central': 8 } },
};
const run = (scenario: Partial<SimulateRequest> = {}) => simulate({ ...base, ...scenario, strategies });

describe('simulate', () => {
  it('runs a rollout that goes well to its end', async () => {
    const result = await run();
    expect(result).toMatchObject({
      status: 'Completed',
      targetCount: 20,
      changes: [
        { region: 'eu-central', nodeCount: 8, before: [{ releaseId: 'old' }], after: [{ releaseId: 'new' }] },
        { region: 'us-east', nodeCount: 12 },
      ],
      blastRadius: { nodes: 20, trafficPercent: 100 },
    });
    expect(result.durationMs).toBeGreaterThan(4 * 60_000);
    expect(result.timeline.every(({ sentence }) => sentence.length > 10)).toBe(true);
  });

  it('gives the same result to the byte for the same seed, and another one for another', async () => {
    const script = {
      latency: { min: 0.02, max: 3 },
      faults: [{ kind: 'slow' as const, nodes: { percent: 20 }, delay: 5 }],
    };
    const [first, again, other] = await Promise.all([
      run({ script, seed: 3 }),
      run({ script, seed: 3 }),
      run({ script, seed: 4 }),
    ]);
    expect(JSON.stringify(again)).toBe(JSON.stringify(first));
    expect(other.durationMs).not.toBe(first.durationMs);
  });

  it('mirrors requests first, judges them by what the script says of the new version, and leaves nothing of it', async () => {
    const mirror = { percent: 10, duration: 'PT2M', minimumSamples: 500 } as const;
    const deployment = { ...base.deployment, traffic: { mirror } };
    const good = await run({ deployment });
    expect(good).toMatchObject({ status: 'Completed', changes: [{ after: [{ releaseId: 'new' }] }, {}] });
    const told = good.timeline.map(({ sentence }) => sentence).join('\n');
    expect(told).toMatch(/verdict is Passed: of 1200 compared answers 1200 were equal/);
    const bad = await run({ deployment, script: { metrics: [{ at: 0, errorRatePercent: 40 }] } });
    expect(bad).toMatchObject({ status: 'RolledBack', blastRadius: { trafficPercent: 0, requests: 0 } });
    expect(bad.reason).toMatch(/mirrored answers differ, above 0 %/);
    const silent = await run({
      deployment: { ...deployment, traffic: { mirror: { ...mirror, minimumSamples: 5_000 } } },
    });
    expect(silent.status).toBe('Paused');
  });

  it('rolls back when errors rise, and says what that cost', async () => {
    const result = await run({ script: { metrics: [{ at: 'PT90S', requestsPerSecond: 100, errorRatePercent: 40 }] } });
    expect(result).toMatchObject({ status: 'RolledBack', blastRadius: { nodes: 5, trafficPercent: 25 } });
    expect(result.reason).toContain('error_rate');
    expect(result.blastRadius.failedRequests).toBeGreaterThan(0);
    expect(result.changes.every(({ sentence }) => sentence.endsWith('old, as before'))).toBe(true);
  });

  it('gives an A/B test of a quantile the verdict that a server would come to', async () => {
    const deployment = {
      ...{ moduleId: 'greeter-v1.1.0', strategy: 'ABTesting' },
      strategyConfig: { winnerCriteria: { metric: 'p95_latency_ms' }, experimentDuration: 'PT30M' },
    };
    const of = (average: number, p95: number) => ({ metrics: [{ latencyMs: { average, p95, p99: p95 * 1.5 } }] });
    const verdict = async (script: SimulateRequest['script'] = {}) => {
      const { status, verdict: came } = await simulate({ ...base, deployment, script, strategies: [abTesting()] });
      return [status, came];
    };
    expect(await verdict(of(10, 12))).toEqual(['Completed', 'B']);
    expect(await verdict(of(30, 60))).toEqual(['Completed', 'A']);
    expect(await verdict()).toEqual(['Completed', 'Inconclusive']);
  });

  it('rolls back when a quantile is worse than that of the old version', async () => {
    const autoRollback = { triggers: [{ metric: 'p99_latency_ms', threshold: 20, against: 'baseline' }] } as const;
    const deployment = { ...base.deployment, autoRollback };
    const slow = await run({ deployment, script: { metrics: [{ latencyMs: { average: 20, p95: 24, p99: 90 } }] } });
    expect(slow.status).toBe('RolledBack');
    expect(slow.reason).toBe(
      'p99_latency_ms is 90 ms, 246.2 % worse than the 26 ms of the old version (allowed: 20 %)',
    );
    expect((await run({ deployment })).status).toBe('Completed');
  });

  it('takes metrics well that a script cannot speak of, as everything else that it does not tell', async () => {
    const outside = { metric: 'custom:saturation', source: 'prometheus', query: 'saturation', threshold: 5 } as const;
    const own = { metric: 'custom:orders', threshold: 0.1, comparison: 'less_than' } as const;
    const of = (...triggers: readonly object[]) =>
      run({ deployment: { ...base.deployment, autoRollback: { triggers } } as SimulateRequest['deployment'] });
    const result = await of(outside, own);
    expect(result).toMatchObject({ status: 'Completed', durationMs: (await of()).durationMs });
    const byScript = ({ timeline }: typeof result) => timeline.filter(({ source }) => source === 'script');
    expect(byScript(result)).toMatchObject([
      { atMs: 0, sentence: 'Taken to be well: custom:saturation, custom:orders.' },
    ]);
    expect(byScript(await of())).toEqual([]);
  });

  it('sees the slowest calls of a time in which only some were slow', async () => {
    const autoRollback = { triggers: [{ metric: 'p99_latency_ms', threshold: 100 }] } as const;
    const script = { metrics: [{ at: 'PT54S', for: 'PT6S', latencyMs: { average: 200, p95: 300, p99: 400 } }] };
    expect(await run({ deployment: { ...base.deployment, autoRollback }, script })).toMatchObject({
      status: 'RolledBack',
      reason: expect.stringContaining('p99_latency_ms is'),
      blastRadius: { nodes: 2 },
    });
  });

  it('rolls back when nodes cannot load the release', async () => {
    const result = await run({ script: { faults: [{ kind: 'loadFailure', nodes: { regions: ['us-east'] } }] } });
    expect(result).toMatchObject({ status: 'RolledBack' });
    expect(result.reason).toContain('could not load');
  });

  it('ends a wait when a health check begins to fail in the middle of it', async () => {
    const result = await run({ script: { faults: [{ kind: 'unhealthy', at: 'PT30S' }] } });
    expect(result).toMatchObject({ status: 'RolledBack', reason: 'Health checks failed at stage 10%' });
    expect(result.durationMs).toBeLessThan(60_000);
  });

  it('leaves nodes out that are offline, and waits for a server that is down', async () => {
    const down = await run({
      fleet: { regions: { 'us-east': 4 }, nodes: [{ nodeId: 'far', region: 'us-east', reachable: false }] },
      script: { faults: [{ kind: 'serverDown', at: 'PT30S', for: 'PT10M' }] },
    });
    expect(down).toMatchObject({ status: 'Completed', leftOut: [{ nodeId: 'far', why: 'it is offline' }] });
    expect(down.durationMs).toBeGreaterThan(10 * 60_000);
  });

  it('says why nodes of a server cannot take part', async () => {
    const nothing = { region: 'us-east', serving: [] };
    const result = await runSimulation({
      ...{ strategies, script: {}, seed: 1, untilMs: 86_400_000, startsAtMs: 0 },
      fleet: [
        { ...nothing, nodeId: 'free' },
        { ...nothing, nodeId: 'full', inventory: { maxModules: 3, modulesLoaded: 3 } },
        { ...nothing, nodeId: 'restless', inventory: { flapping: true } },
      ],
      spec: {
        ...{ tenant: 'default', deploymentId: 'd', author: 'ann', moduleName: 'm', moduleId: 'm-v1.0.0' },
        ...{ releaseId: 'new', strategy: 'AllAtOnce', config: {}, regions: null, healthCheck: defaultHealthCheck },
        ...{ autoRollback: defaultAutoRollback, progressDeadline: 'PT30M', retention: 'PT1H' },
      },
    });
    expect(result.leftOut).toEqual([
      { nodeId: 'full', why: 'it has no room for another module (MaxModules)' },
      { nodeId: 'restless', why: 'it starts again and again' },
    ]);
  });

  it('waits for a router that lags', async () => {
    const straight = await run();
    const lagging = await run({ script: { faults: [{ kind: 'routerLag', lag: 'PT5S' }] } });
    expect(lagging.status).toBe('Completed');
    expect(lagging.durationMs - straight.durationMs).toBeGreaterThanOrEqual(4 * 4_900);
  });

  it('carries out commands, and answers pauses only when told to', async () => {
    const deployment = { ...base.deployment, strategyConfig: { evaluationPeriod: 'PT1M', autoPromote: false } };
    expect(await run({ deployment })).toMatchObject({ status: 'Paused', reason: 'Waiting for promotion to 25%' });
    expect(await run({ deployment, script: { answerPausesAfter: 'PT2M' } })).toMatchObject({ status: 'Completed' });
    const stopped = await run({ script: { commands: [{ at: 'PT70S', command: 'rollback', reason: 'looks odd' }] } });
    expect(stopped).toMatchObject({ status: 'RolledBack', reason: 'looks odd' });
  });

  it.each<[string, unknown, string]>([
    ['a fault of a kind that there is not', { script: { faults: [{ kind: 'fire' }] } }, '/script/faults/0/kind'],
    ['a zero duration', { script: { faults: [{ kind: 'slow', delay: 0 }] } }, '/script/faults/0/delay'],
    [
      'two sizes of one choice',
      { script: { faults: [{ kind: 'offline', nodes: { percent: 1, count: 1 } }] } },
      '/script/faults/0/nodes/count',
    ],
    [
      'an error rate above 100',
      { script: { metrics: [{ errorRatePercent: 101 }] } },
      '/script/metrics/0/errorRatePercent',
    ],
    ['a member that there is not', { fleeet: {} }, '/fleeet'],
    ['an empty fleet', { fleet: {} }, '/fleet'],
    ['a region without nodes', { fleet: { regions: { a: 0 } } }, '/fleet/regions/a'],
    [
      'a node twice',
      {
        fleet: {
          nodes: [
            { nodeId: 'a', region: 'r' },
            { nodeId: 'a', region: 'r' },
          ],
        },
      },
      '/fleet/nodes',
    ],
    [
      'a region that no node is in',
      { deployment: { ...base.deployment, targetRegions: ['mars'] } },
      '/deployment/targetRegions/0',
    ],
  ])('refuses %s with a pointer', async (_, part, pointer) => {
    const failure = await run(part as Partial<SimulateRequest>).catch((error: unknown) => error);
    expect(isHotSwapError(failure, 'HS_CONFIG_INVALID_SCENARIO')).toBe(true);
    expect((failure as { details: { pointer: string } }).details.pointer).toBe(pointer);
  });

  it('reads the scenario of the examples', async () => {
    const file = new URL('../../../examples/scenarios/bad-canary.json', import.meta.url);
    const result = await simulate({ ...readScenario(JSON.parse(readFileSync(file, 'utf8'))), strategies });
    expect(result).toMatchObject({ status: 'RolledBack', seed: 7, blastRadius: { nodes: 15 } });
  });
});
