import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { engineTable } from './engine-capabilities.ts';
import type { GeneratedBlock } from './generated-block.ts';
import { goldenFailure, goldenStory } from './golden-journal.ts';
import { readText, root } from './repository.ts';

const fence = (language: string, text: string): string => `\`\`\`${language}\n${text.trim()}\n\`\`\``;
const sourceOf = (file: string) => async (): Promise<string> => fence('ts', readText(file));

/** What a program of the examples prints. */
async function outputOf(file: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@hotswap/source', file], { cwd: root });
  return fence('text', stdout);
}

const journalPage = 'docs/explanation/journal.md';
const enginePage = 'docs/guides/embed-the-engine.md';
const strategyPage = 'docs/guides/write-a-strategy.md';
const storePage = 'docs/guides/write-a-store-adapter.md';
const engineExample = 'scripts/docs/examples/embed-engine.ts';

/** Every generated part of a written page. */
export const allBlocks: readonly GeneratedBlock[] = [
  { path: journalPage, name: 'story', render: async () => fence('text', (await goldenStory()).join('\n')) },
  { path: journalPage, name: 'entry', render: async () => fence('json', await goldenFailure()) },
  { path: enginePage, name: 'engine', render: sourceOf(engineExample) },
  { path: enginePage, name: 'engine-output', render: () => outputOf(engineExample) },
  { path: strategyPage, name: 'strategy', render: sourceOf('scripts/docs/examples/halves-strategy.ts') },
  { path: strategyPage, name: 'strategy-test', render: sourceOf('scripts/docs/examples/halves-strategy.test.ts') },
  { path: storePage, name: 'suite', render: sourceOf('packages/storage-fs/test/conformance.test.ts') },
  { path: 'docs/guides/choosing-an-engine.md', name: 'engines', render: () => Promise.resolve(engineTable()) },
];
