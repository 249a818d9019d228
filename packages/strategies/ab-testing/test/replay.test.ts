import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { replayJournal, verifyJournal } from '@hotswap/core';
import { abTesting } from '@hotswap/strategy-ab-testing';
import { assertReplays, journalOutline, parseJournalLines } from '@hotswap/testing';
import { goldenScenarios, runScenario } from './golden-scenarios.ts';

const folder = new URL('./journals/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
const read = (file: string) => parseJournalLines(readFileSync(new URL(file, folder), 'utf8'));

describe('golden journals', () => {
  it('are there for every scenario', () => {
    expect(files).toEqual(expect.arrayContaining(goldenScenarios.map(({ name }) => `v1-${name}.jsonl`)));
  });

  it.each(files)('%s proves itself and yields the same next step from every beginning', async (file) => {
    const entries = read(file);
    await verifyJournal('d', entries);
    assertReplays(entries, [abTesting()]);
    expect(replayJournal(entries, [abTesting()]).effects.length).toBeGreaterThan(0);
  });

  it.each(goldenScenarios)('$name ends today as it ended then', async (scenario) => {
    const then = journalOutline(read(`v1-${scenario.name}.jsonl`));
    expect(journalOutline((await runScenario(scenario)).journal())).toEqual(then);
  });
});
