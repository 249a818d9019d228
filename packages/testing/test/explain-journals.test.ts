import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  explainJournal,
  genesisHash,
  JournalExplainer,
  type EngineEffect,
  type JournalEntry,
  type JournalEvent,
} from '@hotswap/core';
import { parseJournalLines } from '@hotswap/testing';

const strategies = new URL('../../strategies/', import.meta.url);
const golden = readdirSync(strategies).flatMap((strategy) => {
  const folder = new URL(`${strategy}/test/journals/`, strategies);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((file) => [`${strategy}/${file}`, new URL(file, folder)] as const);
});

const nodes = [[0, 2]] as const;
const metrics = {
  samples: 120,
  errorRatePercent: 1.23456,
  crashRatePercent: null,
  latency: { averageMs: 3.5, varianceMs2: 1, p50Ms: 3, p95Ms: 5, p99Ms: 9 },
  peakMemoryBytes: null,
  memoryRefusals: 0,
  cpuMsPerCall: null,
  fuelPerCall: null,
  custom: {},
};
const criteria = { metric: 'error_rate', comparison: 'lower_is_better', thresholdPercent: 5, minimumSampleSize: 100 };

/** Every kind of effect with what it comes to. */
const effects: Readonly<Record<EngineEffect['kind'], readonly [input: object, value: unknown, outcome: RegExp]>> = {
  deploy: [{ nodes }, { ready: 1, unknown: 1 }, /warm on 1 node; nothing is known of 1/],
  verify: [{ nodes }, { healthy: 2 }, /2 nodes answered as healthy/],
  wait: [{ forMs: 90_000, reason: 'bake', watch: nodes }, { ended: 'promoted' }, /bob ended the wait early/],
  shiftTraffic: [{ percent: 25, to: nodes, among: nodes }, { revision: 7 }, /revision 7 of the route: 25 %/],
  mirror: [
    { releaseId: 'shadow', percent: 10, forMs: 60_000 },
    { verdict: 'Inconclusive', equal: 3, different: 1, failed: 0, skipped: 2 },
    /the verdict is Inconclusive: of 4 compared answers 3 were equal, 1 different, and 0 copies failed; 2 were not compared/,
  ],
  observe: [
    { forMs: 60_000, baseline: nodes, candidate: nodes },
    { baseline: metrics, candidate: { ...metrics, samples: 0 } },
    /the old version had 120 calls, 1\.235 % errors, 3\.5 ms on average and 9 ms at p99; the new one no calls/,
  ],
  judge: [
    { baseline: metrics, candidate: metrics, criteria },
    { verdict: 'B', improvementPercent: 12.34567, reason: 'fewer errors' },
    /the verdict is B, B being 12\.35 % better: fewer errors/,
  ],
  progress: [{ percent: 50, stage: '50%' }, null, /50% is reached/],
  pause: [{ reason: 'Waiting', accepts: ['promote', 'retry'] }, { command: 'retry' }, /bob answered retry/],
  fail: [{ message: 'no room' }, null, /./],
  retire: [{ nodes }, null, /the release is to leave 2 nodes \(a, b\)/],
  restore: [{ nodes, reason: 'complaints', releaseId: 'v0' }, { restored: 1, unknown: 1 }, /1 are silent/],
  notify: [{ text: 'look' }, null, /people are told/],
  retain: [{ forMs: 3_600_000, retire: nodes }, null, /the replaced release is retired on 2 nodes \(a, b\)/],
};

const position = { seq: 0, at: 0, actor: 'bob', previousHash: genesisHash, hash: genesisHash };
const entryOf = (event: object): JournalEntry => ({ ...position, ...(event as JournalEvent) });
const executed = entryOf({
  type: 'executed',
  strategyVersions: { Canary: 1 },
  effectSetVersion: 1,
  targets: ['a', 'b'],
  regions: { east: nodes },
  baseline: [{ nodes, releases: [{ releaseId: 'v1', weight: 100 }] }],
  routerSpansNodes: true,
  epoch: 3,
});
const isSentence = /^\S.{8,}[.!?]$/s;
const isLeak = /undefined|\[object|NaN|does not know|\bnull\b/;

describe('the story of a journal', () => {
  it.each(golden)('has a sentence for every entry of %s', (_name, file) => {
    const entries = parseJournalLines(readFileSync(file, 'utf8'));
    const sentences = explainJournal(entries);
    expect(sentences).toHaveLength(entries.length);
    for (const [n, text] of sentences.entries()) {
      expect(text, JSON.stringify(entries[n])).toMatch(isSentence);
      expect(text, JSON.stringify(entries[n])).not.toMatch(isLeak);
    }
  });

  it.each(Object.entries(effects))(
    'says what %s set out to do, came to and failed by',
    (kind, [input, value, outcome]) => {
      const explainer = new JournalExplainer();
      const began = entryOf({ type: 'began', step: 4, effect: { kind, version: 1, input } });
      const failure = {
        cause: 'deadline',
        message: 'too slow',
        nodes: [[1, 2]],
        facts: { silent: 1, timeoutMs: 10_000 },
      };
      const sentences = [
        executed,
        began,
        entryOf({ type: 'moved', step: 4, cursor: 1 }),
        entryOf({ type: 'ended', step: 4, result: { ok: true, value } }),
        entryOf({ type: 'ended', step: 4, result: { ok: false, failure } }),
      ].map((entry) => explainer.explain(entry));
      for (const text of sentences) {
        expect(text).toMatch(isSentence);
        expect(text).not.toMatch(isLeak);
      }
      expect(sentences[3]).toMatch(outcome);
      expect(sentences[4]).toBe(
        `Step 4 (${kind}) failed on 1 node (b) (deadline): too slow. Facts: silent 1, timeout ms 10000.`,
      );
    },
  );

  it.each<[object, string]>([
    [
      { type: 'command', command: 'rollback', reason: 'p99', toReleaseId: 'rel-1', regions: ['us-west'] },
      'bob asked for rollback to rel-1 of us-west: p99.',
    ],
    [{ type: 'rejected', by: 'bob', reason: 'not now' }, 'bob rejected it: not now.'],
    [{ type: 'lapsed', by: 'ann' }, 'Nobody used the approval by ann in time: it has to be approved again.'],
    [
      { type: 'approved', by: 'ann', specHash: 'x', releaseId: 'rel-1', expiresAt: 0 },
      'ann approved this specification of rel-1 for one execution until 1970-01-01T00:00:00.000Z.',
    ],
    [{ type: 'freed' }, 'bob let the rollout go on.'],
    [
      { type: 'held', why: 'noData', detail: 'error_rate' },
      'bob paused the rollout because a metric that it depends on was never measured: error_rate.',
    ],
    [
      { type: 'turned', to: 'rollback', reason: 'slow', nodes: [[0, 1]], then: 'RolledBack' },
      'bob turned 1 node back, leaving the others: slow.',
    ],
    [
      { type: 'turned', to: 'retention', reason: 'Variant B won', outcome: { status: 'Completed', verdict: 'B' } },
      'bob found the rollout Completed with the verdict B; what it replaced stays warm for a rollback: Variant B won.',
    ],
    [
      { type: 'closed', status: 'Failed', reason: 'sick', facts: { restored: 3, unknownNodes: [[1, 4]] } },
      'bob closed the deployment as Failed: sick. Facts: restored 3, unknown nodes 3.',
    ],
    [{ type: 'teleported' }, 'bob wrote an entry that this version does not know.'],
    [{ type: 'ended', step: 9, result: { ok: true, value: null } }, 'Step 9 ended well.'],
  ])('says what %j means', (event, text) => expect(new JournalExplainer().explain(entryOf(event))).toBe(text));

  const retained = (outcome: object) => ({
    ...{ type: 'turned', to: 'retention', reason: 'over', outcome: { status: 'Completed', ...outcome } },
  });
  it.each<[string, object, RegExp]>([
    ['that nothing was replaced', { verdict: 'A', retain: [] }, /with the verdict A; it replaced nothing: over\.$/],
    ['that a first deployment replaced nothing', { retain: [{ forMs: 9, retire: [] }] }, /; it replaced nothing: /],
    [
      'that nothing is kept',
      { retain: [{ forMs: 0, retire: nodes }] },
      /; what it replaced goes as soon as its requests have ended: over\.$/,
    ],
    [
      'what is kept',
      { retain: [{ forMs: 9, retire: nodes }] },
      /; what it replaced stays warm for a rollback: over\.$/,
    ],
  ])('says of a finished rollout %s', (_, outcome, sentence) =>
    expect(new JournalExplainer().explain(entryOf(retained(outcome)))).toMatch(sentence),
  );

  const told = (effect: object, value: unknown, { moved = false } = {}) => {
    const explainer = new JournalExplainer();
    const ended = entryOf({ type: 'ended', step: 4, result: { ok: true, value } });
    for (const entry of [executed, entryOf({ type: 'began', step: 4, effect: { version: 1, ...effect } })])
      explainer.explain(entry);
    if (moved) explainer.explain(entryOf({ type: 'moved', step: 4, cursor: 1 }));
    return explainer.explain(ended);
  };
  const back = { nodes, reason: 'complaints' };
  const windows = [{ timeZone: 'Europe/Berlin', from: '02:00', to: '05:00' }];
  it.each<[string, string]>([
    [
      told({ kind: 'restore', input: back }, { restored: 2, unknown: 0 }, { moved: true }),
      'Step 4 (restore) ended: 2 nodes serve what they did before, and are healthy.',
    ],
    [
      told({ kind: 'restore', input: back }, { restored: 2, unknown: 0 }),
      'Step 4 (restore) ended: 2 nodes serve what they did before.',
    ],
    [
      told({ kind: 'restore', input: { ...back, releaseId: 'v0' } }, { restored: 2, unknown: 0 }, { moved: true }),
      'Step 4 (restore) ended: 2 nodes serve v0.',
    ],
    [
      told({ kind: 'wait', input: { forMs: 0, reason: 'off-peak hours of eu', windows } }, { ended: 'elapsed' }),
      'Step 4 (wait) ended: it is 02:00-05:00 in Europe/Berlin.',
    ],
    [
      told({ kind: 'wait', input: { forMs: 600_000, reason: 'before eu', windows } }, { ended: 'elapsed' }),
      'Step 4 (wait) ended: the 10 min are over, and it is 02:00-05:00 in Europe/Berlin.',
    ],
    [
      told(
        { kind: 'judge', input: { baseline: metrics, candidate: metrics, criteria } },
        { verdict: 'A', improvementPercent: -12.34567, reason: 'more errors' },
      ),
      'Step 4 (judge) ended: the verdict is A, B being 12.35 % worse: more errors.',
    ],
  ])('claims no more than the journal holds: %s', (sentence, expected) => expect(sentence).toBe(expected));

  it('does not say of a retention of no time that anything stays warm', () => {
    const explainer = new JournalExplainer();
    const spec = { moduleId: 'm-v1.0.0', releaseId: 'rel-1', strategy: 'Canary', regions: null, retention: 'PT0S' };
    explainer.explain(entryOf({ type: 'created', spec, specHash: 'x' }));
    expect(explainer.explain(entryOf(retained({})))).toContain('goes as soon as its requests have ended');
  });

  it('says of the first deployment of a module that it replaced nothing', () => {
    const executed = {
      ...{ type: 'executed', targets: ['a'], regions: { eu: [[0, 1]] }, strategyVersions: {}, epoch: 1 },
      ...{ passedOver: [], effectSetVersion: 1 },
    };
    const told = (releases: readonly object[]): string => {
      const explainer = new JournalExplainer();
      explainer.explain(entryOf({ ...executed, baseline: [{ nodes: [[0, 1]], releases }] }));
      return explainer.explain(entryOf(retained({})));
    };
    expect(told([])).toContain('; it replaced nothing: ');
    expect(told([{ releaseId: 'rel-0', weight: 1 }])).toContain('; what it replaced stays warm for a rollback: ');
  });

  it('names engines as what they are', () => {
    expect(new JournalExplainer().explain({ ...entryOf({ type: 'freed' }), actor: 'engine:server-1' })).toBe(
      'The engine (engine:server-1) let the rollout go on.',
    );
  });
});
