import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'vitest';
import { goldenJournalSuite } from '@hotswap/testing';
import { goldenRollouts } from './golden-scenarios.ts';

const folder = new URL('./journals/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
const journals = Object.fromEntries(files.map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]));

describe('golden journals', () => {
  goldenJournalSuite({ test: it, journals, ...goldenRollouts });
});
