import { isHotSwapError } from '@hotswap/core';
import { serverError } from '../error-codes.ts';
import type { HeartbeatLog, HeartbeatOutcome, HeartbeatReport } from '../ports/node-registry.ts';

/** Reports that arrive within this time are written together; and all that arrive while the database is at work. */
const gatherMs = 2;
const maxBatch = 500;
/** Batches that are being written at one time. One more than the database works on keeps it busy; more would make them small. */
const mostInFlight = 2;
/** Of a database that takes nothing of anybody now. */
const unavailable = 503;

interface Waiting {
  readonly tenant: string;
  readonly report: HeartbeatReport;
  readonly resolve: (outcome: HeartbeatOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** @internal */
export interface HeartbeatIntakeParts {
  readonly log: HeartbeatLog;
  /** Called for deployments that may have something to decide after a report. */
  readonly nudge: (tenant: string, deploymentId: string) => void;
  /** Called when anything but numbers of a node has changed. */
  readonly onChanged: (tenant: string, nodeId: string) => void;
  /** Called with every report and what became of it. Default: nobody counts. */
  readonly onTaken?: (outcome: HeartbeatOutcome, report: HeartbeatReport) => void;
}

/**
 * Takes reports of nodes in batches and wakes the deployments that they may move on. Reports of one node are written in
 * the order in which they came, never two at a time.
 * @internal
 */
export class HeartbeatIntake {
  readonly #parts: HeartbeatIntakeParts;
  readonly #writing = new Set<string>();
  #waiting: Waiting[] = [];
  #inFlight = 0;
  #isScheduled = false;

  constructor(parts: HeartbeatIntakeParts) {
    this.#parts = parts;
  }

  /** Stores the report. @throws what the database throws */
  take(tenant: string, report: HeartbeatReport): Promise<HeartbeatOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ tenant, report, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0 || this.#inFlight >= mostInFlight) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      this.#flush();
    }, gatherMs);
  }

  #flush(): void {
    while (this.#inFlight < mostInFlight) {
      const batch = this.#nextBatch();
      if (batch.length === 0) return;
      void this.#write(batch);
    }
  }

  /** The oldest reports of one tenant, each node once, without nodes of which a report is being written. */
  #nextBatch(): readonly Waiting[] {
    const batch = new Map<string, Waiting>();
    let tenant: string | undefined;
    const later: Waiting[] = [];
    for (const one of this.#waiting) {
      const key = keyOf(one);
      const fits = batch.size < maxBatch && (tenant === undefined || tenant === one.tenant);
      if (!fits || batch.has(key) || this.#writing.has(key)) later.push(one);
      else {
        tenant = one.tenant;
        batch.set(key, one);
      }
    }
    this.#waiting = later;
    return [...batch.values()];
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    this.#inFlight++;
    for (const one of batch) this.#writing.add(keyOf(one));
    await this.#record(batch[0]?.tenant ?? '', batch);
    for (const one of batch) this.#writing.delete(keyOf(one));
    this.#inFlight--;
    this.#schedule();
  }

  async #record(tenant: string, batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = new Map(
        (
          await this.#parts.log.record(
            tenant,
            batch.map((one) => one.report),
          )
        ).map((outcome) => [outcome.nodeId, outcome]),
      );
      for (const one of batch) {
        const outcome = outcomes.get(one.report.nodeId);
        if (outcome === undefined) one.reject(serverError('HS_API_INTERNAL'));
        else {
          one.resolve(outcome);
          this.#parts.onTaken?.(outcome, one.report);
          this.#tell(tenant, outcome, one.report);
        }
      }
    } catch (error) {
      // What one node has reported is not to silence the others.
      if (batch.length > 1 && isHotSwapError(error) && error.httpStatus !== unavailable)
        for (const one of batch) await this.#record(tenant, [one]);
      else for (const one of batch) one.reject(error);
    }
  }

  #tell(tenant: string, outcome: HeartbeatOutcome, report: HeartbeatReport): void {
    if (outcome.kind !== 'accepted') return;
    const hasFailures = report.metrics.some((delta) => delta.errors > 0 || delta.memoryRefusals > 0);
    if (outcome.changed || hasFailures)
      for (const deploymentId of outcome.deployments) this.#parts.nudge(tenant, deploymentId);
    if (outcome.changed) this.#parts.onChanged(tenant, report.nodeId);
  }
}

const keyOf = ({ tenant, report }: Waiting): string => `${tenant}/${report.nodeId}`;
