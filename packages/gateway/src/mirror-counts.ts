import type { MirrorDifference, MirrorReport, RouteMirror } from '@hotswap/core';

const mostExamples = 5;

type Outcome = keyof MirrorStats;
type MirrorKey = Pick<RouteMirror, 'tenant' | 'deploymentId' | 'step'>;
type Counts = Record<Outcome, number> & { readonly examples: MirrorDifference[]; isTold: boolean };

/** Requests that were chosen for copying since a gateway began, by what came of the copy. @public */
export interface MirrorStats {
  readonly equal: number;
  readonly different: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What came of copied requests, by mirror. @internal */
export class MirrorCounts {
  readonly #total = { equal: 0, different: 0, failed: 0, skipped: 0 };
  readonly #counts = new Map<string, MirrorKey & { readonly counts: Counts }>();

  add(mirror: MirrorKey, outcome: Outcome, example?: MirrorDifference): void {
    const counts = this.#of(mirror);
    counts[outcome]++;
    this.#total[outcome]++;
    counts.isTold = false;
    if (example === undefined || counts.examples.length >= mostExamples) return;
    if (counts.examples.some(({ call, at }) => call === example.call && at === example.at)) return;
    counts.examples.push(example);
  }

  /** Of all mirrors, also of those that have ended. */
  stats(): MirrorStats {
    return { ...this.#total };
  }

  /** Totals that have grown since they were taken last. */
  take(): readonly MirrorReport[] {
    const grown = [...this.#counts.values()].filter(({ counts }) => !counts.isTold);
    return grown.map(({ tenant, deploymentId, step, counts }) => {
      counts.isTold = true;
      const { equal, different, failed, skipped, examples } = counts;
      return { tenant, deploymentId, step, equal, different, failed, skipped, examples: [...examples] };
    });
  }

  /** They did not arrive: the next {@link take} has them again. */
  giveBack(reports: readonly MirrorReport[]): void {
    for (const report of reports) {
      const known = this.#counts.get(keyOf(report));
      if (known) known.counts.isTold = false;
    }
  }

  /** Forgets mirrors that have ended. */
  keepOnly(mirrors: readonly MirrorKey[]): void {
    const keys = new Set(mirrors.map(keyOf));
    for (const key of this.#counts.keys()) if (!keys.has(key)) this.#counts.delete(key);
  }

  #of({ tenant, deploymentId, step }: MirrorKey): Counts {
    const key = keyOf({ tenant, deploymentId, step });
    let known = this.#counts.get(key);
    if (known === undefined) {
      const counts = { equal: 0, different: 0, failed: 0, skipped: 0, examples: [], isTold: false };
      this.#counts.set(key, (known = { tenant, deploymentId, step, counts }));
    }
    return known.counts;
  }
}

const keyOf = ({ tenant, deploymentId, step }: MirrorKey): string => `${tenant}/${deploymentId}:${step}`;
