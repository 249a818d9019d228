import assert from 'node:assert/strict';
import { defaultHealthCheck, type BaselineGroup, type Change, type NodeSet } from '@hotswap/core';
import type { Clauses } from '../define-suite.ts';
import type { JournalStoreRig } from './journal-store-rig.ts';
import { rejects } from './journal-clauses.ts';
import {
  desiredReleases,
  exampleRelease,
  JournalWriter,
  obey,
  populate,
  serveBaseline,
  weightsOn,
} from './journal-writer.ts';

const generations = async (rig: JournalStoreRig, nodes: readonly string[]): Promise<readonly number[]> =>
  Promise.all(nodes.map(async (nodeId) => (await rig.desired(nodeId)).generation));

/** A deployment of `v2` over nodes that serve `v1`, or nothing. */
async function executed(
  rig: JournalStoreRig,
  count: number,
  options: { readonly fresh?: boolean } = {},
): Promise<{
  readonly writer: JournalWriter;
  readonly nodes: readonly string[];
  readonly all: NodeSet;
  readonly before: readonly number[];
}> {
  const nodes = await populate(rig, count);
  const baseline = options.fresh ? undefined : [await serveBaseline(rig, nodes)];
  const writer = new JournalWriter(rig, 'd');
  await writer.open();
  await writer.freeze(nodes, baseline, 2);
  return { writer, nodes, all: [[0, count]], before: await generations(rig, nodes) };
}

const assign = (nodes: NodeSet, releaseId = 'v2'): Change => ({ kind: 'assign', nodes, releaseId });
const route = (
  to: NodeSet,
  among: NodeSet,
  candidate: number,
  baselineOnStage: number,
  baselineElsewhere: number,
): Change => ({
  kind: 'route',
  releaseId: 'v2',
  to,
  among,
  weights: { candidate, baselineOnStage, baselineElsewhere },
});

/** @internal */
export const changeClauses: Clauses<JournalStoreRig> = {
  async 'freeze raises the epoch of the module and tells nodes nothing'(rig) {
    const { nodes, before } = await executed(rig, 2);
    assert.equal(await rig.fleet.epoch('default', 'greeter'), 2);
    assert.equal(await rig.fleet.epoch('default', 'other'), 0);
    assert.deepEqual(await generations(rig, nodes), before);
    assert.equal((await rig.desired('n0')).modules[0]?.epoch, 2);
  },

  async 'epochs never fall'(rig) {
    const { writer } = await executed(rig, 1);
    await writer.change({ kind: 'raiseEpoch', epoch: 9 });
    await writer.change({ kind: 'raiseEpoch', epoch: 4 });
    assert.equal(await rig.fleet.epoch('default', 'greeter'), 9);
  },

  async 'freeze is refused with HS_DEPLOYMENT_ACTIVE while another deployment is at work on the same nodes'(rig) {
    const { writer, nodes } = await executed(rig, 2);
    await writer.complete(9e12);
    const next = new JournalWriter(rig, 'next', { releaseId: 'v3', moduleId: 'greeter-v3' });
    await next.open();
    await writer.append([{ type: 'turned', to: 'rollback', reason: 'p99' }], [], {
      summary: { status: 'RollingBack', progressPercent: 100 },
    });
    await rejects(next.freeze(nodes), 'HS_DEPLOYMENT_ACTIVE');
    assert.equal((await rig.store.read('default', 'next')).length, 1);
  },

  async 'assign makes a release present without traffic, on the named nodes only'(rig) {
    const { writer, nodes, before } = await executed(rig, 3);
    await writer.change(
      assign([
        [0, 1],
        [2, 3],
      ]),
    );
    assert.deepEqual(await weightsOn(rig, 'n0'), { v1: 100, v2: 0 });
    assert.deepEqual(await weightsOn(rig, 'n1'), { v1: 100 });
    assert.deepEqual(await generations(rig, nodes), [(before[0] ?? 0) + 1, before[1], (before[2] ?? 0) + 1]);
  },

  async 'desired state describes a release whole'(rig) {
    const { writer } = await executed(rig, 1, { fresh: true });
    await writer.change(assign([[0, 1]]));
    const { tenant: _tenant, moduleName: _name, healthCheck: _check, ...described } = exampleRelease('v2');
    assert.deepEqual((await desiredReleases(rig, 'n0'))['v2'], { ...described, weight: 0 });
  },

  async 'assign tells a node nothing that it was told already, but lets it try again after a failure'(rig) {
    const { writer, nodes } = await executed(rig, 2);
    await writer.change(assign([[0, 2]]));
    const told = await generations(rig, nodes);
    await obey(rig, 'n0');
    await rig.report('n1', {
      generation: told[1] ?? 0,
      releases: [{ moduleName: 'greeter', releaseId: 'v2', state: 'failed', error: { code: 'X', message: 'no' } }],
    });
    await writer.change(assign([[0, 2]]));
    assert.deepEqual(await generations(rig, nodes), [told[0], (told[1] ?? 0) + 1]);
    const progress = await rig.fleet.loadProgress('d', [[0, 2]], 'v2');
    assert.deepEqual([progress.done, progress.failed, progress.pending], [1, 0, 1]);
  },

  async 'route gives a stage and the other nodes their weights and counts a revision'(rig) {
    const { writer, nodes, all } = await executed(rig, 4);
    const revision = await rig.fleet.routeRevision('default', 'greeter');
    await writer.change(assign([[0, 2]]));
    const told = await generations(rig, nodes);
    await writer.change(route([[0, 1]], all, 40, 60, 100));
    assert.equal(await rig.fleet.routeRevision('default', 'greeter'), revision + 1);
    assert.deepEqual(await Promise.all(nodes.map((nodeId) => weightsOn(rig, nodeId))), [
      { v1: 60, v2: 40 },
      { v1: 100, v2: 0 },
      { v1: 100 },
      { v1: 100 },
    ]);
    assert.deepEqual(await generations(rig, nodes), [(told[0] ?? 0) + 1, told[1], told[2], told[3]]);
  },

  async 'route takes the release out of traffic on nodes that are no longer of the stage'(rig) {
    const { writer, all } = await executed(rig, 2);
    await writer.change(assign(all), route(all, all, 100, 0, 0));
    await writer.change(route([[0, 1]], all, 100, 0, 150));
    assert.deepEqual(
      [await weightsOn(rig, 'n0'), await weightsOn(rig, 'n1')],
      [
        { v1: 0, v2: 100 },
        { v1: 150, v2: 0 },
      ],
    );
  },

  async 'route leaves nodes outside of its set alone'(rig) {
    const { writer, nodes } = await executed(rig, 3);
    await writer.change(assign([[1, 2]]), route([[1, 2]], [[1, 2]], 100, 0, 0));
    assert.deepEqual(await Promise.all(nodes.map((nodeId) => weightsOn(rig, nodeId))), [
      { v1: 100 },
      { v1: 0, v2: 100 },
      { v1: 100 },
    ]);
  },

  async 'route shares the baseline weight in the proportions of the baseline'(rig) {
    const nodes = await populate(rig, 1);
    await serveBaseline(rig, nodes);
    const writer = new JournalWriter(rig, 'd', { releaseId: 'v3', moduleId: 'greeter-v3' });
    const mixed = new JournalWriter(rig, 'mixed');
    const v1: BaselineGroup = { nodes: [[0, 1]], releases: [{ releaseId: 'v1', weight: 100 }] };
    await mixed.open();
    await mixed.freeze(nodes, [v1], 2);
    await mixed.change(assign([[0, 1]]), route([[0, 1]], [[0, 1]], 25, 75, 0));
    await mixed.complete();
    const [candidate] = await rig.fleet.candidates('default', 'greeter', null);
    assert.deepEqual(
      [...(candidate?.serving ?? [])].sort((a, b) => (a.releaseId < b.releaseId ? -1 : 1)),
      [
        { releaseId: 'v1', weight: 75 },
        { releaseId: 'v2', weight: 25 },
      ],
    );
    await writer.open();
    await writer.freeze(nodes, [{ nodes: [[0, 1]], releases: candidate?.serving ?? [] }], 3);
    await writer.change(assign([[0, 1]], 'v3'), {
      kind: 'route',
      releaseId: 'v3',
      to: [[0, 1]],
      among: [[0, 1]],
      weights: { candidate: 60, baselineOnStage: 40, baselineElsewhere: 0 },
    });
    assert.deepEqual(await weightsOn(rig, 'n0'), { v1: 30, v2: 10, v3: 60 });
    await writer.change({ kind: 'restore', nodes: [[0, 1]] });
    assert.deepEqual(await weightsOn(rig, 'n0'), { v1: 75, v2: 25 });
  },

  async 'a node whose baseline is the release itself gets the weight of the release'(rig) {
    const nodes = await populate(rig, 1);
    const baseline = await serveBaseline(rig, nodes);
    const writer = new JournalWriter(rig, 'again', { releaseId: 'v1', moduleId: 'greeter-v1' });
    await writer.open();
    await writer.freeze(nodes, [baseline], 2);
    await writer.change(assign([[0, 1]], 'v1'), {
      kind: 'route',
      releaseId: 'v1',
      to: [[0, 1]],
      among: [[0, 1]],
      weights: { candidate: 100, baselineOnStage: 0, baselineElsewhere: 0 },
    });
    assert.deepEqual(await weightsOn(rig, 'n0'), { v1: 100 });
    await writer.change({ kind: 'retireReplaced', nodes: [[0, 1]] });
    await writer.change({ kind: 'restore', nodes: [[0, 1]] });
    assert.deepEqual(await weightsOn(rig, 'n0'), { v1: 100 });
  },

  async 'probe asks for checks under the deployment and step, and a later probe takes its place'(rig) {
    const { writer, nodes, before } = await executed(rig, 2);
    await writer.change(assign([[0, 1]]), {
      kind: 'probe',
      nodes: [[0, 1]],
      releaseId: 'v2',
      step: 4,
      check: defaultHealthCheck,
    });
    const check = { ...defaultHealthCheck, functionName: 'ping', failureThreshold: 1 };
    assert.deepEqual((await desiredReleases(rig, 'n0'))['v2']?.probe, { round: 'd:4', check: defaultHealthCheck });
    await writer.change({ kind: 'probe', nodes: [[0, 1]], releaseId: 'v2', step: 7, check });
    assert.deepEqual((await desiredReleases(rig, 'n0'))['v2']?.probe, { round: 'd:7', check });
    assert.equal((await desiredReleases(rig, 'n0'))['v1']?.probe, undefined);
    assert.ok(((await generations(rig, nodes))[0] ?? 0) > (before[0] ?? 0));
  },

  async 'endProbes ends the checks of its own deployment only'(rig) {
    const { writer } = await executed(rig, 1);
    const other = new JournalWriter(rig, 'other', { moduleName: 'other', releaseId: 'o1', moduleId: 'other-o1' });
    await rig.addRelease(exampleRelease('o1', { moduleName: 'other', moduleId: 'other-o1' }));
    await other.open();
    await other.freeze(['n0']);
    await other.change(assign([[0, 1]], 'o1'), {
      kind: 'probe',
      nodes: [[0, 1]],
      releaseId: 'o1',
      step: 1,
      check: defaultHealthCheck,
    });
    await writer.change(assign([[0, 1]]), {
      kind: 'probe',
      nodes: [[0, 1]],
      releaseId: 'v2',
      step: 1,
      check: defaultHealthCheck,
    });
    await writer.change({ kind: 'endProbes' });
    const told = (await rig.desired('n0')).generation;
    assert.equal((await desiredReleases(rig, 'n0'))['v2']?.probe, undefined);
    const stillAsked = (await rig.desired('n0')).modules.find(({ moduleName }) => moduleName === 'other');
    assert.equal(stillAsked?.releases[0]?.probe?.round, 'other:1');
    await writer.change({ kind: 'endProbes' });
    assert.equal((await rig.desired('n0')).generation, told);
  },

  async 'probeBaseline asks every baseline release with its own check'(rig) {
    const nodes = await populate(rig, 2);
    await rig.addRelease(exampleRelease('custom', { healthCheck: { functionName: 'am-i-well', failureThreshold: 7 } }));
    const former = new JournalWriter(rig, 'former', { releaseId: 'custom', moduleId: 'greeter-custom' });
    await former.open();
    await former.freeze(nodes);
    await former.change(assign([[0, 1]], 'custom'), {
      kind: 'route',
      releaseId: 'custom',
      to: [[0, 1]],
      among: [[0, 1]],
      weights: { candidate: 100, baselineOnStage: 0, baselineElsewhere: 0 },
    });
    await former.complete();
    const writer = new JournalWriter(rig, 'd');
    await writer.open();
    await writer.freeze(
      nodes,
      [
        { nodes: [[0, 1]], releases: [{ releaseId: 'custom', weight: 100 }] },
        { nodes: [[1, 2]], releases: [] },
      ],
      2,
    );
    await writer.change({ kind: 'probeBaseline', nodes: [[0, 1]], step: 3 });
    assert.deepEqual((await desiredReleases(rig, 'n0'))['custom']?.probe, {
      round: 'd:3',
      check: { ...defaultHealthCheck, functionName: 'am-i-well', failureThreshold: 7 },
    });
    assert.deepEqual(await rig.fleet.releaseHealthCheck('default', 'custom'), {
      ...defaultHealthCheck,
      functionName: 'am-i-well',
      failureThreshold: 7,
    });
  },

  async 'retire takes a release from nodes and tells others nothing'(rig) {
    const { writer, nodes, all } = await executed(rig, 2);
    await writer.change(assign([[0, 1]]));
    const told = await generations(rig, nodes);
    await writer.change({ kind: 'retire', nodes: all, releaseId: 'v2' });
    assert.deepEqual([await weightsOn(rig, 'n0'), await weightsOn(rig, 'n1')], [{ v1: 100 }, { v1: 100 }]);
    assert.deepEqual(await generations(rig, nodes), [(told[0] ?? 0) + 1, told[1]]);
  },

  async 'retireReplaced takes what the route no longer names, never the own release'(rig) {
    const { writer, all } = await executed(rig, 2);
    await writer.change(assign(all), route([[0, 1]], [[0, 1]], 100, 0, 0));
    await writer.change({ kind: 'retireReplaced', nodes: all });
    assert.deepEqual([await weightsOn(rig, 'n0'), await weightsOn(rig, 'n1')], [{ v2: 100 }, { v1: 100, v2: 0 }]);
  },

  async 'restore brings back releases and weights of before and counts a revision'(rig) {
    const { writer, nodes, all } = await executed(rig, 3);
    await writer.change(assign([[0, 2]]), route([[0, 2]], all, 150, 0, 0));
    const revision = await rig.fleet.routeRevision('default', 'greeter');
    const told = await generations(rig, nodes);
    await writer.change({ kind: 'restore', nodes: all });
    assert.deepEqual(await Promise.all(nodes.map((nodeId) => weightsOn(rig, nodeId))), [
      { v1: 100 },
      { v1: 100 },
      { v1: 100 },
    ]);
    assert.equal(await rig.fleet.routeRevision('default', 'greeter'), revision + 1);
    assert.deepEqual(
      await generations(rig, nodes),
      told.map((generation) => generation + 1),
    );
    await writer.change({ kind: 'restore', nodes: all });
    assert.deepEqual(
      await generations(rig, nodes),
      told.map((generation) => generation + 1),
    );
  },

  async 'restore brings a retired baseline back'(rig) {
    const { writer, all } = await executed(rig, 1);
    await writer.change(assign(all), route(all, all, 100, 0, 0), { kind: 'retire', nodes: all, releaseId: 'v1' });
    await writer.change({ kind: 'restore', nodes: all });
    assert.deepEqual(await weightsOn(rig, 'n0'), { v1: 100 });
  },

  async 'restore of a first deployment leaves the module absent'(rig) {
    const { writer, all } = await executed(rig, 1, { fresh: true });
    await writer.change(assign(all), route(all, all, 100, 0, 0));
    await writer.change({ kind: 'restore', nodes: all });
    assert.deepEqual((await rig.desired('n0')).modules, []);
    assert.deepEqual((await rig.fleet.candidates('default', 'greeter', null))[0]?.serving, []);
  },

  async 'changes of one commit take effect in their order'(rig) {
    const { writer, all } = await executed(rig, 1);
    await writer.change(assign(all), route(all, all, 100, 0, 0), { kind: 'restore', nodes: all }, assign(all));
    assert.deepEqual(await weightsOn(rig, 'n0'), { v1: 100, v2: 0 });
  },

  async 'a refused commit tells nodes nothing'(rig) {
    const { writer, nodes, all } = await executed(rig, 2);
    const before = await generations(rig, nodes);
    const stale = await writer.batch([{ type: 'freed' }], [assign(all), { kind: 'raiseEpoch', epoch: 50 }], {
      expectedHead: 'ef'.repeat(32),
    });
    await rejects(rig.store.append([stale]), 'HS_JOURNAL_CONFLICT');
    assert.deepEqual(await generations(rig, nodes), before);
    assert.equal(await rig.fleet.epoch('default', 'greeter'), 2);
  },

  async 'nodes send heartbeats each second while a deployment is at work on them'(rig) {
    const { writer } = await executed(rig, 1);
    assert.equal((await rig.desired('n0')).heartbeatIntervalMs, 1_000);
    await writer.complete();
    assert.equal((await rig.desired('n0')).heartbeatIntervalMs, 30_000);
  },
};
