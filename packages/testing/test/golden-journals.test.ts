import { describe, expect, it } from 'vitest';
import { deploy } from '@hotswap/core';
import {
  goldenJournalSuite,
  journalLines,
  runGoldenScenario,
  type GoldenJournalOptions,
  type TestFunction,
} from '@hotswap/testing';
import { plainStrategy } from './faults/strategy-faults.ts';

const scenario = { name: 'completed', options: { config: { bakeMs: 5_000 } } };
const rollouts = { strategies: [plainStrategy()], scenarios: [scenario] };

/** Names of the clauses that fail. */
async function failuresOf(options: Omit<GoldenJournalOptions, 'test'>): Promise<readonly string[]> {
  const clauses: (readonly [string, () => Promise<void>])[] = [];
  const test: TestFunction = (name, run) => clauses.push([name, run]);
  goldenJournalSuite({ ...options, test });
  const failed: string[] = [];
  for (const [name, run] of clauses) await run().catch(() => failed.push(name));
  return failed;
}

describe('the suite of golden journals', async () => {
  const text = journalLines((await runGoldenScenario(rollouts, scenario)).journal());
  const file = 'v1-completed.jsonl';

  it('is content with what the strategy itself has written', async () => {
    expect(await failuresOf({ ...rollouts, journals: { [file]: text } })).toEqual([]);
  });

  it('misses a journal that is not there', async () => {
    expect(await failuresOf({ ...rollouts, journals: {} })).toEqual([
      'there is a journal for every scenario',
      'completed goes today as it went then',
    ]);
  });

  it('finds a journal that somebody has edited', async () => {
    const edited = text.replace('"forMs":5000', '"forMs":5001');
    expect(edited).not.toBe(text);
    const failed = await failuresOf({ ...rollouts, journals: { [file]: edited } });
    expect(failed).toContain(`${file} proves itself and yields the same next step from every beginning`);
  });

  it('finds a strategy that goes another way than it did', async () => {
    const other = {
      ...plainStrategy(),
      *rollout({ targets }: Parameters<ReturnType<typeof plainStrategy>['rollout']>[0]) {
        yield* deploy({ nodes: targets, maxInFlight: 1 });
        return { status: 'Completed' as const };
      },
    };
    const failed = await failuresOf({ ...rollouts, strategies: [other], journals: { [file]: text } });
    expect(failed).toHaveLength(2);
  });
});
