import { hashEntry, genesisHash, type DeploymentStatus, type JournalEntry } from '@hotswap/core';
import { historyViolations, simulateRollout, type RolloutHistory } from '@hotswap/testing';
import { describe, expect, it } from 'vitest';
import { staged } from './engine/test-strategies.ts';

const rollout = await simulateRollout({ strategies: [staged] });
const entries = rollout.journal();
const history = (journal: readonly JournalEntry[], more: Partial<RolloutHistory> = {}): RolloutHistory => ({
  journals: [journal],
  isOver: true,
  ...more,
});

/** The journal with entries changed and chained anew: what a faulty engine would have written. */
async function forged(change: (entries: JournalEntry[]) => readonly object[]): Promise<readonly JournalEntry[]> {
  let previousHash = genesisHash;
  const chained: JournalEntry[] = [];
  for (const [seq, entry] of change(structuredClone(entries) as JournalEntry[]).entries()) {
    const linked = { ...(entry as JournalEntry), seq, previousHash };
    previousHash = await hashEntry(linked);
    chained.push({ ...linked, hash: previousHash });
  }
  return chained;
}

const at = (journal: readonly JournalEntry[], type: JournalEntry['type']): number =>
  journal.findIndex((entry) => entry.type === type);

describe('historyViolations', () => {
  it('finds nothing in a rollout that went as it should', async () => {
    expect(await historyViolations(history(entries), [staged])).toEqual([]);
  });

  it('I1: finds a moment at which requests have nowhere to go', async () => {
    const seq = at(entries, 'executed') + 2;
    const routed = [
      { deploymentId: 'd', seq: seq - 1, weight: 100 },
      { deploymentId: 'd', seq, weight: 0 },
    ];
    expect(await historyViolations(history(entries, { routed }))).toEqual([
      `I1: d: after entry ${seq} requests for the module have nowhere to go`,
    ]);
  });

  it('finds a release train whose members begin too early, end otherwise, or never end', async () => {
    const second = (
      await simulateRollout({ strategies: [staged], moduleName: 'other', spec: { deploymentId: 'e' } })
    ).journal('e');
    const of = (
      status: DeploymentStatus,
      ...journals: readonly (readonly JournalEntry[])[]
    ): Promise<readonly string[]> =>
      historyViolations({ journals, isOver: true, trains: [{ trainId: 'train-1', status, members: ['d', 'e'] }] });
    expect(await of('Completed', entries, second)).toEqual(['Train: e of train-1 began before d was completed']);
    expect(await of('Completed', entries)).toEqual(['Train: train-1 ended without e, which stands otherwise']);
    expect(await of('RolledBack', entries)).toEqual(['Train: train-1 ended without d, which stands otherwise']);
    expect(await of('InProgress', entries)).toEqual([
      'Train: train-1 is InProgress and neither ends nor says what it waits for',
    ]);
    expect(await of('RolledBack')).toEqual([]);
    const failed = (turns: boolean): readonly JournalEntry[] => [
      ...entries.filter(({ type }) => turns || type !== 'turned').slice(0, -1),
      { ...(entries.at(-1) as JournalEntry), type: 'closed', status: 'Failed' },
    ];
    const strays = async (turns: boolean) =>
      (await of('RolledBack', failed(turns))).filter((violation) => violation.startsWith('Train'));
    expect(await strays(false)).toEqual([]);
    expect(await strays(true)).toEqual(['Train: train-1 ended without d, which stands otherwise']);
  });

  it('I2: finds a node that went back', async () => {
    const reports = [3, 4, 2].map((generation) => ({ nodeId: 'a', generation }));
    expect(await historyViolations(history(entries, { reports }))).toEqual([expect.stringMatching(/^I2: a went back/)]);
  });

  it('I3: finds an entry that was edited, and one that is lost', async () => {
    const edited = entries.map((entry, seq) => (seq === 4 ? { ...entry, at: entry.at + 1 } : entry));
    expect((await historyViolations(history(edited)))[0]).toMatch(/^I3/);
    expect((await historyViolations(history(entries.toSpliced(4, 1))))[0]).toMatch(/^I3/);
  });

  it('I3: finds two executions with one epoch', async () => {
    expect(await historyViolations({ journals: [entries, entries] })).toContainEqual(
      expect.stringMatching(/^I3.*epoch/),
    );
  });

  it('I4: finds a journal that its strategy would not write', async () => {
    const other = await forged((all) =>
      all.map((entry) =>
        entry.type === 'began' && entry.effect.kind === 'progress'
          ? { ...entry, effect: { ...entry.effect, input: { ...entry.effect.input, percent: 11 } } }
          : entry,
      ),
    );
    expect(await historyViolations(history(other), [staged])).toContainEqual(expect.stringMatching(/^I4/));
  });

  it('I5: finds requests that go to more nodes than the stage names', async () => {
    const seq = entries.findIndex((entry) => entry.type === 'began' && entry.effect.kind === 'shiftTraffic');
    const served = (to: number) => [{ deploymentId: 'd', seq, nodes: [[0, to]] as const }];
    expect(await historyViolations(history(entries, { served: served(2) }))).toEqual([]);
    expect(await historyViolations(history(entries, { served: served(3) }))).toEqual([expect.stringMatching(/^I5/)]);
  });

  it('I6: finds a release that stayed after it was rolled back', async () => {
    const back = await simulateRollout({
      strategies: [staged],
      script: { healthy: (_, releaseId) => releaseId === 'v1' },
    });
    const nodes = [{ nodeId: 'a', isReachable: true, releases: ['v2'] }];
    const unreachable = [{ nodeId: 'a', isReachable: false, releases: ['v2'] }];
    expect(await historyViolations(history(back.journal(), { nodes: unreachable }))).toEqual([]);
    expect(await historyViolations(history(back.journal(), { nodes }))).toEqual([expect.stringMatching(/^I6/)]);
  });

  it('I11: finds a deployment that stands still without a reason', async () => {
    const cut = entries.slice(0, 6);
    expect(await historyViolations(history(cut))).toEqual([expect.stringMatching(/^I11/)]);
  });

  it('I12: finds a step that was done twice', async () => {
    const began = at(entries, 'began');
    const twice = await forged((all) => all.toSpliced(began, 0, all[began] as JournalEntry));
    expect(await historyViolations(history(twice))).toContainEqual(expect.stringMatching(/^I12/));
  });
});
