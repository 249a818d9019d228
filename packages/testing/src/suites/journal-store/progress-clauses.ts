import assert from 'node:assert/strict';
import { defaultHealthCheck, type NodeProgress, type NodeSet, type ObservedRelease } from '@hotswap/core';
import type { Clauses } from '../define-suite.ts';
import type { JournalStoreRig } from './journal-store-rig.ts';
import { JournalWriter, obey, populate, serveBaseline } from './journal-writer.ts';

const counts = ({ done, failed, pending, unreachable }: NodeProgress): readonly number[] => [
  done,
  failed,
  pending,
  unreachable,
];
const generationOf = async (rig: JournalStoreRig, nodeId: string): Promise<number> =>
  (await rig.desired(nodeId)).generation;

async function report(
  rig: JournalStoreRig,
  nodeId: string,
  release: Omit<ObservedRelease, 'moduleName' | 'releaseId'>,
  options: { readonly lag?: number; readonly releaseId?: string } = {},
): Promise<void> {
  const generation = (await generationOf(rig, nodeId)) - (options.lag ?? 0);
  await rig.report(nodeId, {
    generation,
    releases: [{ moduleName: 'greeter', releaseId: options.releaseId ?? 'v2', ...release }],
  });
}

/** A deployment that has told `told` of `count` nodes to have `v2`. */
async function deploying(rig: JournalStoreRig, count: number, told: NodeSet): Promise<JournalWriter> {
  const nodes = await populate(rig, count);
  const baseline = await serveBaseline(rig, nodes);
  const writer = new JournalWriter(rig, 'd');
  await writer.open();
  await writer.freeze(nodes, [baseline], 2);
  await writer.change({ kind: 'assign', nodes: told, releaseId: 'v2' });
  return writer;
}

const health = (
  step: number,
  state: 'healthy' | 'unhealthy' | 'unknown',
  message?: string,
): Omit<ObservedRelease, 'moduleName' | 'releaseId'> => ({
  state: 'ready',
  health: {
    round: `d:${step}`,
    state,
    consecutiveSuccesses: 0,
    consecutiveFailures: 0,
    ...(message === undefined ? {} : { message }),
  },
});

/** @internal */
export const progressClauses: Clauses<JournalStoreRig> = {
  async 'candidates are the enabled nodes of the regions, by region and node id'(rig) {
    for (const [nodeId, region] of [
      ['b', 'us-west'],
      ['c', 'us-east'],
      ['a', 'us-west'],
      ['d', 'eu'],
    ] as const)
      await rig.addNode({ nodeId, region, zone: `${region}-1`, labels: { tier: 'edge' } });
    await rig.setEnabled('b', false);
    await rig.silence('a');
    const found = await rig.fleet.candidates('default', 'greeter', ['us-west', 'us-east']);
    assert.deepEqual(
      found.map(({ nodeId, reachable }) => [nodeId, reachable]),
      [
        ['c', true],
        ['a', false],
      ],
    );
    const { nodeId, region, zone, labels, flapping, hasModule, serving, modulesLoaded, maxModules } = found[0] ?? {};
    assert.deepEqual(
      { nodeId, region, zone, labels, flapping, hasModule, serving, modulesLoaded },
      {
        nodeId: 'c',
        region: 'us-east',
        zone: 'us-east-1',
        labels: { tier: 'edge' },
        flapping: false,
        hasModule: false,
        serving: [],
        modulesLoaded: 0,
      },
    );
    assert.ok((maxModules ?? 0) > 0);
    assert.deepEqual(
      (await rig.fleet.candidates('default', 'greeter', null)).map(({ nodeId }) => nodeId),
      ['d', 'c', 'a'],
    );
    assert.deepEqual(await rig.fleet.candidates('somebody-else', 'greeter', null), []);
    assert.deepEqual([...(await rig.fleet.regions('default'))].sort(), ['eu', 'us-east', 'us-west']);
  },

  async 'candidates tell what a node serves, not what is merely warm'(rig) {
    await deploying(rig, 2, [[0, 1]]);
    const found = await rig.fleet.candidates('default', 'greeter', null);
    assert.deepEqual(
      found.map(({ serving }) => serving),
      [[{ releaseId: 'v1', weight: 100 }], [{ releaseId: 'v1', weight: 100 }]],
    );
    assert.deepEqual(
      found.map(({ hasModule }) => hasModule),
      [true, true],
    );
  },

  async 'a node is loading until it reports the generation that it was given'(rig) {
    await deploying(rig, 3, [[0, 3]]);
    assert.deepEqual(counts(await rig.fleet.loadProgress('d', [[0, 3]], 'v2')), [0, 0, 3, 0]);
    await report(rig, 'n0', { state: 'ready' });
    await report(rig, 'n1', { state: 'ready' }, { lag: 1 });
    await report(rig, 'n2', { state: 'loading' });
    assert.deepEqual(counts(await rig.fleet.loadProgress('d', [[0, 3]], 'v2')), [1, 0, 2, 0]);
    assert.deepEqual(counts(await rig.fleet.loadProgress('d', [[0, 1]], 'v2')), [1, 0, 0, 0]);
    assert.deepEqual(counts(await rig.fleet.loadProgress('d', [[1, 2]], 'v2')), [0, 0, 1, 0]);
  },

  async 'a failure to load is told with position, code and message'(rig) {
    await deploying(rig, 3, [[0, 3]]);
    await obey(rig, 'n0');
    await report(rig, 'n2', { state: 'failed', error: { code: 'HS_RUNTIME_LINK_FAILED', message: 'needs wasi:http' } });
    const progress = await rig.fleet.loadProgress('d', [[0, 3]], 'v2');
    assert.deepEqual(counts(progress), [1, 1, 1, 0]);
    assert.deepEqual(progress.failures, [{ position: 2, code: 'HS_RUNTIME_LINK_FAILED', message: 'needs wasi:http' }]);
  },

  async 'a failure from before the node was told again counts for nothing'(rig) {
    const writer = await deploying(rig, 1, [[0, 1]]);
    await report(rig, 'n0', { state: 'failed', error: { code: 'X', message: 'no' } });
    await writer.change({ kind: 'assign', nodes: [[0, 1]], releaseId: 'v2' });
    assert.deepEqual(counts(await rig.fleet.loadProgress('d', [[0, 1]], 'v2')), [0, 0, 1, 0]);
  },

  async 'a silent node is unreachable, and what it said before stands'(rig) {
    await deploying(rig, 3, [[0, 3]]);
    await obey(rig, 'n0');
    await rig.silence('n0');
    await rig.silence('n1');
    assert.deepEqual(counts(await rig.fleet.loadProgress('d', [[0, 3]], 'v2')), [1, 0, 1, 1]);
    await obey(rig, 'n1');
    assert.deepEqual(counts(await rig.fleet.loadProgress('d', [[0, 3]], 'v2')), [2, 0, 1, 0]);
  },

  async 'silent nodes are named where the store names them'(rig) {
    await deploying(rig, 3, [[0, 3]]);
    await obey(rig, 'n1');
    const { silent } = await rig.fleet.loadProgress('d', [[0, 3]], 'v2');
    if (silent !== undefined)
      assert.deepEqual(silent, [
        [0, 1],
        [2, 3],
      ]);
  },

  async 'at most 20 failures are listed, all are counted'(rig) {
    await deploying(rig, 25, [[0, 25]]);
    for (let n = 0; n < 25; n++) await report(rig, `n${n}`, { state: 'failed', error: { code: 'X', message: 'no' } });
    const progress = await rig.fleet.loadProgress('d', [[0, 25]], 'v2');
    assert.deepEqual([progress.failed, progress.failures.length], [25, 20]);
  },

  async 'applyProgress asks for the generation, and for failures among what is wanted'(rig) {
    const writer = await deploying(rig, 3, [[0, 3]]);
    for (const nodeId of ['n0', 'n1', 'n2']) await obey(rig, nodeId);
    await writer.change({ kind: 'restore', nodes: [[0, 3]] });
    assert.deepEqual(counts(await rig.fleet.applyProgress('d', [[0, 3]])), [0, 0, 3, 0]);
    await obey(rig, 'n0');
    await report(rig, 'n1', { state: 'failed', error: { code: 'X', message: 'v1 is gone' } }, { releaseId: 'v1' });
    await rig.silence('n2');
    const progress = await rig.fleet.applyProgress('d', [[0, 3]]);
    assert.deepEqual(counts(progress), [1, 1, 0, 1]);
    assert.deepEqual(progress.failures, [{ position: 1, code: 'X', message: 'v1 is gone' }]);
  },

  async 'a node that was told nothing has applied it'(rig) {
    await deploying(rig, 2, [[0, 1]]);
    assert.deepEqual(counts(await rig.fleet.applyProgress('d', [[1, 2]])), [1, 0, 0, 0]);
  },

  async 'health counts only for the round of its step'(rig) {
    const writer = await deploying(rig, 2, [[0, 2]]);
    await writer.change({ kind: 'probe', nodes: [[0, 2]], releaseId: 'v2', step: 3, check: defaultHealthCheck });
    await report(rig, 'n0', health(3, 'healthy'));
    await report(rig, 'n1', health(3, 'unknown'));
    assert.deepEqual(counts(await rig.fleet.healthProgress('d', [[0, 2]], 3)), [1, 0, 1, 0]);
    await writer.change({ kind: 'probe', nodes: [[0, 2]], releaseId: 'v2', step: 5, check: defaultHealthCheck });
    assert.deepEqual(counts(await rig.fleet.healthProgress('d', [[0, 2]], 5)), [0, 0, 2, 0]);
    await report(rig, 'n0', health(3, 'healthy'));
    assert.deepEqual(counts(await rig.fleet.healthProgress('d', [[0, 2]], 5)), [0, 0, 2, 0]);
    await report(rig, 'n0', health(5, 'healthy'));
    assert.deepEqual(counts(await rig.fleet.healthProgress('d', [[0, 2]], 5)), [1, 0, 1, 0]);
  },

  async 'an unhealthy node is told with what its check said'(rig) {
    const writer = await deploying(rig, 2, [[0, 2]]);
    await writer.change({ kind: 'probe', nodes: [[0, 2]], releaseId: 'v2', step: 3, check: defaultHealthCheck });
    await report(rig, 'n1', health(3, 'unhealthy', 'answered "BAD"'));
    const progress = await rig.fleet.healthProgress('d', [[0, 2]], 3);
    assert.deepEqual(counts(progress), [0, 1, 1, 0]);
    assert.deepEqual([progress.failures[0]?.position, progress.failures[0]?.message], [1, 'answered "BAD"']);
  },

  async 'the baseline is healthy when each of its releases is'(rig) {
    const writer = await deploying(rig, 2, [[0, 1]]);
    await writer.change({ kind: 'restore', nodes: [[0, 2]] }, { kind: 'probeBaseline', nodes: [[0, 2]], step: 9 });
    await report(rig, 'n0', health(9, 'healthy'), { releaseId: 'v1' });
    await report(rig, 'n1', health(9, 'unhealthy', 'sick'), { releaseId: 'v1' });
    assert.deepEqual(counts(await rig.fleet.healthProgress('d', [[0, 2]], 9)), [1, 1, 0, 0]);
  },

  async 'retained names deployments whose replaced release is still warm, by region'(rig) {
    const writer = await deploying(rig, 1, [[0, 1]]);
    assert.deepEqual(await rig.fleet.retained('default', 'greeter', null), []);
    await writer.complete(9e12);
    assert.deepEqual(await rig.fleet.retained('default', 'greeter', null), ['d']);
    assert.deepEqual(await rig.fleet.retained('default', 'greeter', ['us-east', 'mars']), ['d']);
    assert.deepEqual(await rig.fleet.retained('default', 'greeter', ['mars']), []);
    assert.deepEqual(await rig.fleet.retained('default', 'other', null), []);
    await writer.complete();
    assert.deepEqual(await rig.fleet.retained('default', 'greeter', null), []);
  },

  async 'one append executes a deployment and ends the retention of the one that it replaces'(rig) {
    const writer = await deploying(rig, 1, [[0, 1]]);
    const all: NodeSet = [[0, 1]];
    await writer.change({
      kind: 'route',
      releaseId: 'v2',
      to: all,
      among: all,
      weights: { candidate: 100, baselineOnStage: 0, baselineElsewhere: 0 },
    });
    await writer.complete(9e12);
    const next = new JournalWriter(rig, 'next', { releaseId: 'v3', moduleId: 'greeter-v3' });
    await next.open();
    const baseline = [{ nodes: all, releases: [{ releaseId: 'v2', weight: 100 }] }];
    const execute = await next.batch(
      [
        {
          type: 'executed',
          strategyVersions: {},
          effectSetVersion: 1,
          targets: ['n0'],
          regions: {},
          baseline,
          routerSpansNodes: true,
          epoch: 3,
        },
      ],
      [{ kind: 'freeze', targets: ['n0'], baseline, epoch: 3 }],
      { summary: { status: 'InProgress', progressPercent: 0 } },
    );
    const end = await writer.batch(
      [{ type: 'closed', status: 'Completed' }],
      [{ kind: 'retireReplaced', nodes: all }],
      { summary: { status: 'Completed', progressPercent: 100 } },
    );
    await rig.store.append([execute, end]);
    next.wrote(execute);
    assert.deepEqual(
      (await rig.desired('n0')).modules[0]?.releases.map(({ releaseId }) => releaseId),
      ['v2'],
    );
    await next.change({ kind: 'assign', nodes: all, releaseId: 'v3' });
    await obey(rig, 'n0');
    assert.deepEqual(counts(await rig.fleet.loadProgress('next', all, 'v3')), [1, 0, 0, 0]);
    assert.equal((await rig.summary('d'))?.retainedUntil, undefined);
  },
};
