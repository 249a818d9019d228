import assert from 'node:assert/strict';
import { genesisHash, isHotSwapError, type JournalBatch } from '@hotswap/core';
import type { Clauses } from '../define-suite.ts';
import type { JournalStoreRig } from './journal-store-rig.ts';
import { JournalWriter, populate } from './journal-writer.ts';

const pause = { type: 'command', command: 'pause', reason: 'first' } as const;
const resume = { type: 'command', command: 'resume' } as const;

/** Awaits an error of one code. @internal */
export async function rejects(work: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(work, (thrown) => isHotSwapError(thrown, code), `expected ${code}`);
}

async function opened(rig: JournalStoreRig, deploymentId = 'd'): Promise<JournalWriter> {
  const writer = new JournalWriter(rig, deploymentId);
  await writer.open();
  return writer;
}

/** @internal */
export const journalClauses: Clauses<JournalStoreRig> = {
  async 'reads nothing of a deployment that it does not know'(rig) {
    assert.deepEqual(await rig.store.read('default', 'nobody'), []);
    assert.equal(await rig.summary('nobody'), null);
  },

  async 'reads entries back in order and exactly as they were written'(rig) {
    const writer = new JournalWriter(rig, 'd');
    const first = await writer.batch(
      [{ type: 'created', spec: writer.spec, specHash: 'x' }],
      [{ kind: 'open', spec: writer.spec }],
    );
    await rig.store.append([first]);
    writer.wrote(first);
    const facts = {
      text: 'a "quoted" ünïcode \u{1F600} line\nand tab\t',
      zero: 0,
      minus: -1.5,
      big: 9_007_199_254_740_991,
      tiny: 1e-7,
      yes: true,
      nothing: null,
      list: [[], {}, [1, [2]]],
    };
    const second = await writer.append([pause, { type: 'ended', step: 0, result: { ok: true, value: null }, facts }]);
    assert.deepEqual(await rig.store.read('default', 'd'), [...first.entries, ...second.entries]);
  },

  async 'reads only what follows a sequence number'(rig) {
    const writer = await opened(rig);
    const batch = await writer.append([pause, resume, pause]);
    assert.deepEqual(await rig.store.read('default', 'd', 1), batch.entries.slice(1));
    assert.deepEqual(await rig.store.read('default', 'd', 3), []);
    assert.deepEqual(await rig.store.read('default', 'd', 99), []);
  },

  async 'keeps journals apart'(rig) {
    const one = await opened(rig, 'one');
    const two = new JournalWriter(rig, 'two', { moduleName: 'other' });
    await two.open();
    await one.append([pause]);
    assert.equal((await rig.store.read('default', 'two')).length, 1);
    assert.equal((await rig.store.read('default', 'one')).length, 2);
  },

  async 'hides a journal from another tenant'(rig) {
    await opened(rig);
    assert.deepEqual(await rig.store.read('somebody-else', 'd'), []);
  },

  async 'refuses an old head with HS_JOURNAL_CONFLICT and writes nothing'(rig) {
    const writer = await opened(rig);
    const stale = await writer.batch([resume], [{ kind: 'notify', text: 'never', severity: 'info' }], {
      summary: { status: 'Failed', progressPercent: 1 },
    });
    await writer.append([pause]);
    await rejects(rig.store.append([stale]), 'HS_JOURNAL_CONFLICT');
    assert.equal((await rig.store.read('default', 'd')).length, 2);
    assert.equal((await rig.summary('d'))?.status, 'Pending');
    assert.deepEqual(await rig.outbox(), []);
  },

  async 'compares the hash of the head and not only its number'(rig) {
    const writer = await opened(rig);
    const forged = await writer.batch([pause], [], { expectedHead: 'ef'.repeat(32) });
    await rejects(rig.store.append([forged]), 'HS_JOURNAL_CONFLICT');
  },

  async 'refuses the genesis head for a journal that has entries'(rig) {
    const writer = await opened(rig);
    await rejects(
      rig.store.append([await writer.batch([pause], [], { expectedHead: genesisHash })]),
      'HS_JOURNAL_CONFLICT',
    );
  },

  async 'refuses a head of a journal that has none'(rig) {
    const writer = new JournalWriter(rig, 'nobody');
    await rejects(
      rig.store.append([await writer.batch([pause], [], { expectedHead: 'ef'.repeat(32) })]),
      'HS_JOURNAL_CONFLICT',
    );
  },

  async 'lets exactly one of many concurrent appends win'(rig) {
    const writer = await opened(rig);
    const batches = await Promise.all(
      Array.from({ length: 12 }, (_, n) => writer.batch([{ ...pause, reason: `writer ${n}` }])),
    );
    const results = await Promise.allSettled(batches.map((batch) => rig.store.append([batch])));
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
    for (const result of results)
      if (result.status === 'rejected')
        assert.ok(isHotSwapError(result.reason, 'HS_JOURNAL_CONFLICT'), String(result.reason));
    const stored = await rig.store.read('default', 'd');
    assert.equal(stored.length, 2);
    assert.equal(
      stored[1]?.hash,
      batches[results.findIndex((result) => result.status === 'fulfilled')]?.entries[0]?.hash,
    );
  },

  async 'writes all batches or none'(rig) {
    const one = await opened(rig, 'one');
    const two = new JournalWriter(rig, 'two', { moduleName: 'other' });
    await two.open();
    const good = await one.batch([pause], [{ kind: 'notify', text: 'half', severity: 'info' }], { wakeAt: 1 });
    const bad = await two.batch([pause], [], { expectedHead: 'ef'.repeat(32) });
    const before = await rig.wakes();
    await rejects(rig.store.append([good, bad]), 'HS_JOURNAL_CONFLICT');
    assert.equal((await rig.store.read('default', 'one')).length, 1);
    assert.deepEqual([await rig.outbox(), await rig.wakes()], [[], before]);
    const both = [good, await two.batch([pause])];
    await rig.store.append(both);
    assert.deepEqual(
      [(await rig.store.read('default', 'one')).length, (await rig.store.read('default', 'two')).length],
      [2, 2],
    );
  },

  async 'stores the summary with the entries'(rig) {
    const writer = await opened(rig);
    const summary: JournalBatch['summary'] = {
      status: 'Paused',
      progressPercent: 25,
      stage: '25%',
      reason: 'Health checks failed at stage 50%',
      verdict: 'Inconclusive',
      running: { step: 7, kind: 'wait', since: 1_000 },
      stuckAt: 2_000,
      executedAt: 500,
      endedAt: 3_000,
      retainedUntil: 4_000,
      failedNodes: [
        [1, 3],
        [5, 6],
      ],
    };
    await writer.append([pause], [], { summary });
    assert.deepEqual(await rig.summary('d'), summary);
    await writer.append([resume], [], { summary: { status: 'InProgress', progressPercent: 25 } });
    assert.deepEqual(await rig.summary('d'), { status: 'InProgress', progressPercent: 25 });
  },

  async 'asks for the wake of a commit, and for none when the commit is refused'(rig) {
    const writer = await opened(rig);
    const at = Date.UTC(2100, 0, 1);
    const stale = await writer.batch([resume], [], { wakeAt: at - 1_000 });
    await writer.append([pause], [], { wakeAt: at });
    await rejects(rig.store.append([stale]), 'HS_JOURNAL_CONFLICT');
    const asked = (await rig.wakes()).filter((wake) => wake.deploymentId === 'd');
    assert.deepEqual(
      asked.map((wake) => ({ ...wake, at: new Date(wake.at).toISOString() })),
      [{ tenant: 'default', deploymentId: 'd', at: new Date(at).toISOString() }],
    );
  },

  async 'puts messages for people into the outbox'(rig) {
    const writer = await opened(rig);
    await writer.append(
      [pause],
      [
        { kind: 'notify', text: 'one', severity: 'warning', facts: { n: 1 } },
        { kind: 'notify', text: 'two', severity: 'critical' },
      ],
    );
    assert.deepEqual(
      (await rig.outbox()).map(({ deploymentId, severity, text }) => [deploymentId, severity, text]),
      [
        ['d', 'warning', 'one'],
        ['d', 'critical', 'two'],
      ],
    );
  },

  async 'refuses to open a taken id with HS_DEPLOYMENT_EXISTS'(rig) {
    await opened(rig);
    await rejects(new JournalWriter(rig, 'd', { moduleName: 'other' }).open(), 'HS_DEPLOYMENT_EXISTS');
  },

  async 'refuses to open a second deployment of a module in an overlapping region set'(rig) {
    await new JournalWriter(rig, 'east', { regions: ['us-east', 'us-west'] }).open();
    await rejects(new JournalWriter(rig, 'west', { regions: ['us-west', 'eu'] }).open(), 'HS_DEPLOYMENT_ACTIVE');
    await rejects(new JournalWriter(rig, 'all').open(), 'HS_DEPLOYMENT_ACTIVE');
    assert.equal(await rig.summary('west'), null);
    await new JournalWriter(rig, 'elsewhere', { regions: ['eu'] }).open();
    await new JournalWriter(rig, 'other-module', { moduleName: 'other' }).open();
  },

  async 'holds the claim on a module while a deployment is pending, at work, paused or rolling back'(rig) {
    const writer = await opened(rig);
    for (const status of ['Pending', 'PendingApproval', 'InProgress', 'Paused', 'RollingBack'] as const) {
      await writer.append([pause], [], { summary: { status, progressPercent: 0 } });
      await rejects(new JournalWriter(rig, 'next').open(), 'HS_DEPLOYMENT_ACTIVE');
    }
    for (const [n, status] of (
      ['Completed', 'PartiallyCompleted', 'RolledBack', 'Failed', 'Cancelled'] as const
    ).entries()) {
      const next = new JournalWriter(rig, `free-${n}`);
      await writer.append([resume], [], { summary: { status, progressPercent: 0 } });
      await next.open();
      await next.append([resume], [], { summary: { status: 'Cancelled', progressPercent: 0 } });
    }
  },

  async 'opens exactly one of many concurrent deployments of a module'(rig) {
    await populate(rig, 1);
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) => new JournalWriter(rig, `d${n}`).open()),
    );
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
    for (const result of results)
      if (result.status === 'rejected')
        assert.ok(isHotSwapError(result.reason, 'HS_DEPLOYMENT_ACTIVE'), String(result.reason));
  },
};
