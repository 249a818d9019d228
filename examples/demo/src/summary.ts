import type { Sample } from './load-generator.ts';

/** Latency at a quantile (0-1) in milliseconds; 0 without samples. */
export function quantileMs(samples: readonly Sample[], q: number): number {
  const sorted = samples.map((sample) => sample.latencyMs).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

/** Rows as aligned columns under a header. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd();
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

const marks = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];

/**
 * Requests per version over time: one line a time slice, its length the rate, its marks the versions' shares.
 */
export function versionBars(samples: readonly Sample[], sliceMs: number, width: number): string {
  const versions = [
    ...new Set(samples.flatMap((sample) => (sample.moduleId === null ? [] : [sample.moduleId]))),
  ].sort();
  const slices = new Map<number, Map<string, number>>();
  for (const { atMs, moduleId } of samples) {
    const slice = Math.floor(atMs / sliceMs);
    const counts = slices.get(slice) ?? new Map<string, number>();
    const key = moduleId ?? 'dropped';
    slices.set(slice, counts.set(key, (counts.get(key) ?? 0) + 1));
  }
  const most = Math.max(
    1,
    ...[...slices.values()].map((counts) => [...counts.values()].reduce((sum, count) => sum + count, 0)),
  );
  const bars = [...slices.entries()]
    .sort((a, b) => a[0] - b[0])
    .map(([slice, counts]) => {
      const bar = versions
        .map((version, index) => (marks[index] ?? '#').repeat(Math.round(((counts.get(version) ?? 0) / most) * width)))
        .join('');
      const dropped = counts.get('dropped') ?? 0;
      return `  ${String(Math.round((slice * sliceMs) / 1_000)).padStart(4)} s  ${bar}${dropped > 0 ? ` ! ${String(dropped)} dropped` : ''}`;
    });
  const legend = versions.map((version, index) => `${marks[index] ?? '#'} ${version}`).join('   ');
  return [`  requests per version, one line a ${String(sliceMs / 1_000)} s:   ${legend}`, ...bars].join('\n');
}
