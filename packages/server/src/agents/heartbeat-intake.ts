import { serverError } from '../error-codes.ts';
import type { HeartbeatLog, HeartbeatOutcome, HeartbeatReport } from '../ports/node-registry.ts';

/** Reports that arrive within this time are written together. */
const gatherMs = 2;
const maxBatch = 500;

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
}

/** Takes reports of nodes in batches and wakes the deployments that they may move on. @internal */
export class HeartbeatIntake {
  readonly #parts: HeartbeatIntakeParts;
  #waiting: Waiting[] = [];

  constructor(parts: HeartbeatIntakeParts) {
    this.#parts = parts;
  }

  /** Stores the report. @throws what the database throws */
  take(tenant: string, report: HeartbeatReport): Promise<HeartbeatOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ tenant, report, resolve, reject });
      if (this.#waiting.length === 1) setTimeout(() => this.#flush(), gatherMs);
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [tenant, ofTenant] of Map.groupBy(waiting, (one) => one.tenant)) {
      for (const batch of toBatches(ofTenant)) void this.#record(tenant, batch);
    }
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
          this.#tell(tenant, outcome, one.report);
        }
      }
    } catch (error) {
      for (const one of batch) one.reject(error);
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

/** Each node once in a batch; a second report of one node goes into the next. */
function toBatches(waiting: readonly Waiting[]): readonly Waiting[][] {
  const batches: Map<string, Waiting>[] = [];
  for (const one of waiting) {
    const batch = batches.find((candidate) => candidate.size < maxBatch && !candidate.has(one.report.nodeId));
    if (batch) batch.set(one.report.nodeId, one);
    else batches.push(new Map([[one.report.nodeId, one]]));
  }
  return batches.map((batch) => [...batch.values()]);
}
