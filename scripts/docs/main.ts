// Writes the pages of docs/reference, and the marked parts of other pages, from the sources; with --check it only says which are out of date, and which rows of
// docs/requirements.md name something that does not exist.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { allBlocks } from './all-blocks.ts';
import { allPages } from './all-pages.ts';
import { fillBlock } from './generated-block.ts';
import { renderPage } from './reference-page.ts';
import { readText, root } from './repository.ts';
import { requirementProblems, requirements } from './requirements.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

let stale = 0;
function compare(path: string, text: string): void {
  if (existsSync(join(root, path)) && readText(path) === text) return;
  stale += 1;
  console.log(`${path} ${values.check ? 'is out of date: run npm run docs' : 'written'}`);
  if (values.check) return;
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

for (const page of allPages) compare(page.path, await renderPage(page));
for (const block of allBlocks) {
  const filled = await fillBlock(readText(block.path), block);
  if (filled !== undefined) compare(block.path, filled);
}
const problems = requirementProblems();
for (const problem of problems) console.log(problem);
const rows = requirements();
const held = rows.filter(({ holds }) => holds).length;
console.log(`${String(stale)} ${values.check ? 'out of date' : 'written'}`);
console.log(
  `${String(held)} of ${String(rows.length)} requirements hold, ${String(problems.length)} problems in the table`,
);
process.exitCode = problems.length > 0 || (values.check && stale > 0) ? 1 : 0;
