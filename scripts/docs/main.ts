// Writes the pages of docs/reference from the sources; with --check it only says which are out of date, and which rows of
// docs/requirements.md name something that does not exist.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { allPages } from './all-pages.ts';
import { renderPage } from './reference-page.ts';
import { readText, root } from './repository.ts';
import { requirementProblems } from './requirements.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

let stale = 0;
for (const page of allPages) {
  const text = await renderPage(page);
  if (existsSync(join(root, page.path)) && readText(page.path) === text) continue;
  stale += 1;
  console.log(
    `${page.path} ${values.check ? 'is out of date: run node --conditions=@hotswap/source scripts/docs/main.ts' : 'written'}`,
  );
  if (values.check) continue;
  mkdirSync(dirname(join(root, page.path)), { recursive: true });
  writeFileSync(join(root, page.path), text);
}
const problems = requirementProblems();
for (const problem of problems) console.log(problem);
console.log(
  `${String(allPages.length)} pages, ${String(stale)} ${values.check ? 'out of date' : 'written'}; ${String(problems.length)} problems in docs/requirements.md`,
);
process.exitCode = problems.length > 0 || (values.check && stale > 0) ? 1 : 0;
