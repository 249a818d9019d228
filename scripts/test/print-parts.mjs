// The table of parts and the closing line that both people and programs read.
import { writeFileSync } from 'node:fs';

/** Prints the parts and `N passed, N failed` alone on a line; returns the totals. */
export function printParts(parts) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const width = Math.max(...parts.map((part) => part.name.length), 'part'.length);
  console.log(`\n${'part'.padEnd(width)}  passed  failed  skipped      time`);
  for (const part of parts) {
    for (const key of Object.keys(total)) total[key] += part[key];
    const numbers = [
      String(part.passed).padStart(6),
      String(part.failed).padStart(6),
      String(part.skipped).padStart(7),
      part.duration.padStart(8),
    ];
    console.log(`${part.name.padEnd(width)}  ${numbers.join('  ')}${part.note ? `  ${part.note}` : ''}`);
  }
  const failures = parts.flatMap((part) => part.failures ?? []);
  if (failures.length > 0) console.log(`\n${failures.map((failure) => `  failed: ${failure}`).join('\n')}`);
  console.log(closingLine(total));
  return total;
}

export function closingLine({ passed, failed, skipped }) {
  return `\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** For a caller that adds up several commands: the totals as JSON, in the file it named. */
export function writeSummary(total) {
  const path = process.env.HOTSWAP_SUMMARY_FILE;
  if (path) writeFileSync(path, JSON.stringify(total));
}
