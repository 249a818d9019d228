/** One fault with its check. */
export interface FaultPoint {
  readonly name: string;
  /** Brings the fault about and resolves with what it broke; empty when the system survived it. */
  readonly run: () => Promise<readonly string[]>;
}

/** Result of a whole run. */
export interface FaultReport {
  /** Faults that were brought about. */
  readonly points: number;
  readonly survived: number;
  readonly failures: readonly { readonly point: string; readonly violations: readonly string[] }[];
}

/** Every n-th point so that about `count` are left, always with the first and the last. */
export function sampleOf(points: readonly FaultPoint[], count: number): readonly FaultPoint[] {
  if (points.length <= count) return points;
  const chosen = new Set(
    Array.from({ length: count }, (_, index) => Math.round((index * (points.length - 1)) / (count - 1))),
  );
  return points.filter((_, index) => chosen.has(index));
}

/** Runs points one after the other. */
export async function runPoints(
  points: readonly FaultPoint[],
  onEnded: (point: FaultPoint, result: readonly string[], tookMs: number) => void,
): Promise<FaultReport> {
  const failures: { point: string; violations: readonly string[] }[] = [];
  for (const point of points) {
    const began = performance.now();
    const result = await point
      .run()
      .catch((error: unknown) => [
        `the check itself failed: ${error instanceof Error ? error.message : String(error)}`,
      ]);
    if (result.length > 0) failures.push({ point: point.name, violations: result });
    onEnded(point, result, performance.now() - began);
  }
  return { points: points.length, survived: points.length - failures.length, failures };
}
