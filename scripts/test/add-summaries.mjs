// Adds up the summaries that several commands wrote (see writeSummary) and prints the one closing line over all of them.
// A summary that is missing means that its command died: one failure.
import { readFileSync } from 'node:fs';
import { closingLine } from './print-parts.mjs';

const total = { passed: 0, failed: 0, skipped: 0 };
for (const path of process.argv.slice(2)) {
  let summary;
  try {
    summary = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    summary = { passed: 0, failed: 1, skipped: 0 };
  }
  for (const key of Object.keys(total)) total[key] += summary[key];
}
console.log(closingLine(total));
process.exitCode = total.failed > 0 ? 1 : 0;
