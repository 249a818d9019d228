import assert from 'node:assert/strict';
import { replayJournal, verifyJournal } from '@hotswap/core';
import { journalOutline, parseJournalLines } from '../../scenario/record-journal.ts';
import type { TestFunction } from '../define-suite.ts';
import { assertReplays } from '../strategy/replay-assertion.ts';
import { runGoldenScenario, type GoldenRollouts } from './golden-rollouts.ts';

/** @public */
export interface GoldenJournalOptions extends GoldenRollouts {
  readonly test: TestFunction;
  /** What was recorded: text by file name, `v1-<scenario>.jsonl` and those of later versions of the strategy. */
  readonly journals: Readonly<Record<string, string>>;
}

/**
 * What a strategy owes to journals that earlier versions of it have left in somebody's database: each of them proves itself,
 * yields the same next step from every beginning, and every scenario goes today as it went then.
 * @public
 */
export function goldenJournalSuite({ test, journals, ...rollouts }: GoldenJournalOptions): void {
  const { strategies, scenarios } = rollouts;
  const read = (file: string): ReturnType<typeof parseJournalLines> => parseJournalLines(journals[file] ?? '');

  test('there is a journal for every scenario', async () => {
    const missing = scenarios.map(({ name }) => `v1-${name}.jsonl`).filter((file) => !Object.hasOwn(journals, file));
    assert.deepEqual(missing, [], 'record the missing journals');
  });

  for (const file of Object.keys(journals).sort())
    test(`${file} proves itself and yields the same next step from every beginning`, async () => {
      const entries = read(file);
      await verifyJournal('d', entries);
      assertReplays(entries, strategies);
      assert.notEqual(replayJournal(entries, strategies).effects.length, 0, 'it holds no effect');
    });

  for (const scenario of scenarios)
    test(`${scenario.name} goes today as it went then`, async () => {
      const now = (await runGoldenScenario(rollouts, scenario)).journal();
      assert.deepEqual(journalOutline(now), journalOutline(read(`v1-${scenario.name}.jsonl`)));
    });
}
