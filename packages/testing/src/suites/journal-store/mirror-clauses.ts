import assert from 'node:assert/strict';
import { noMirrorTally, type Change, type MirrorReport, type MirrorTally } from '@hotswap/core';
import type { Clauses } from '../define-suite.ts';
import type { JournalStoreRig } from './journal-store-rig.ts';
import { JournalWriter, populate, serveBaseline } from './journal-writer.ts';

const mirror = (step: number): Change => ({ kind: 'mirror', releaseId: 'v3', step, percent: 20, compare: {} });
const endMirror: Change = { kind: 'endMirror' };

const counted = (tally: Partial<MirrorTally>): MirrorTally => ({ ...noMirrorTally, ...tally });
const report = (step: number, tally: Partial<MirrorTally>, deploymentId = 'd'): MirrorReport => ({
  ...{ tenant: 'default', deploymentId, step },
  ...counted(tally),
});
const difference = (call: string): MirrorTally['examples'][number] => ({
  call,
  at: '/result',
  live: 'text',
  mirrored: 'number',
});

/** A deployment on one node that serves `v1`. */
async function executed(rig: JournalStoreRig): Promise<JournalWriter> {
  const nodes = await populate(rig, 1);
  const writer = new JournalWriter(rig, 'd');
  const baseline = await serveBaseline(rig, nodes);
  await writer.open();
  await writer.freeze(nodes, [baseline], 2);
  return writer;
}

const revision = (rig: JournalStoreRig): Promise<number> => rig.fleet.routeRevision('default', 'greeter');
const tally = (rig: JournalStoreRig, step: number): Promise<MirrorTally> => rig.fleet.mirrorTally('d', step);

/** @internal */
export const mirrorClauses: Clauses<JournalStoreRig> = {
  async 'mirror raises the revision of the route and tells nodes nothing'(rig) {
    const writer = await executed(rig);
    const [before, { generation }] = [await revision(rig), await rig.desired('n0')];
    await writer.change(mirror(1));
    assert.ok((await revision(rig)) > before);
    assert.equal((await rig.desired('n0')).generation, generation);
    assert.deepEqual(await tally(rig, 1), noMirrorTally);
  },

  async 'a mirror counts what all routers report'(rig) {
    const writer = await executed(rig);
    await writer.change(mirror(1));
    await rig.reportMirrors('a', [report(1, { equal: 5, different: 1, failed: 2, skipped: 3 })]);
    await rig.reportMirrors('b', [report(1, { equal: 7, skipped: 4 })]);
    assert.deepEqual(await tally(rig, 1), counted({ equal: 12, different: 1, failed: 2, skipped: 7 }));
  },

  async 'a later report of a router takes the place of its earlier one'(rig) {
    const writer = await executed(rig);
    await writer.change(mirror(1));
    for (const equal of [5, 8, 8]) await rig.reportMirrors('a', [report(1, { equal })]);
    assert.deepEqual(await tally(rig, 1), counted({ equal: 8 }));
  },

  async 'a mirror shows differences of every router'(rig) {
    const writer = await executed(rig);
    await writer.change(mirror(1));
    await rig.reportMirrors('a', [report(1, { different: 1, examples: [difference('greet')] })]);
    await rig.reportMirrors('b', [report(1, { different: 1, examples: [difference('bye')] })]);
    const calls = (await tally(rig, 1)).examples.map(({ call }) => call);
    assert.deepEqual(calls.toSorted(), ['bye', 'greet']);
    assert.deepEqual((await tally(rig, 1)).examples[0], difference(calls[0] ?? ''));
  },

  async 'reports of other steps and of deployments without a mirror are passed over'(rig) {
    const writer = await executed(rig);
    await writer.change(mirror(3));
    await rig.reportMirrors('a', [report(2, { equal: 5 }), report(3, { equal: 7 }, 'former')]);
    assert.deepEqual(await tally(rig, 3), noMirrorTally);
    assert.deepEqual(await tally(rig, 2), noMirrorTally);
  },

  async 'a mirror of a later step begins to count anew'(rig) {
    const writer = await executed(rig);
    await writer.change(mirror(1));
    await rig.reportMirrors('a', [report(1, { equal: 5 })]);
    await writer.change(mirror(4));
    assert.deepEqual(await tally(rig, 4), noMirrorTally);
    await rig.reportMirrors('a', [report(4, { failed: 1 })]);
    assert.deepEqual(await tally(rig, 4), counted({ failed: 1 }));
    assert.deepEqual(await tally(rig, 1), noMirrorTally);
  },

  async 'endMirror raises the revision and forgets what was counted'(rig) {
    const writer = await executed(rig);
    await writer.change(mirror(1));
    await rig.reportMirrors('a', [report(1, { equal: 5 })]);
    const before = await revision(rig);
    await writer.change(endMirror);
    assert.ok((await revision(rig)) > before);
    assert.deepEqual(await tally(rig, 1), noMirrorTally);
    await rig.reportMirrors('a', [report(1, { equal: 6 })]);
    assert.deepEqual(await tally(rig, 1), noMirrorTally);
  },

  async 'endMirror without a mirror changes nothing'(rig) {
    const writer = await executed(rig);
    const before = await revision(rig);
    await writer.change(endMirror);
    assert.equal(await revision(rig), before);
  },
};
