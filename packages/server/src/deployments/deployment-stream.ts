import type { VariantMetrics } from '@hotswap/core';
import type { DeploymentEvent } from '@hotswap/protocol';
import type { EventStream } from '../http/event-stream.ts';
import type { ServerParts } from '../server-parts.ts';
import { toDeploymentView } from './deployment-view.ts';
import { JournalTeller } from './explain-entry.ts';

const coalesceMs = 20;
const metricsMs = 1_000;
const windowMs = 10_000;
const pageSize = 500;

type StreamParts = Pick<ServerParts, 'journal' | 'deployments' | 'metrics' | 'changes' | 'clock' | 'logger'>;

/**
 * Follows one deployment for one reader: journal lines by number, so that a reader can go on where it was cut off, its
 * state after changes, and what requests experience while both releases serve.
 * @internal
 */
export class DeploymentStream {
  readonly #parts: StreamParts;
  readonly #tenant: string;
  readonly #deploymentId: string;
  readonly #stream: EventStream;
  #afterSeq: number;
  #lastStatus = '';
  #teller: JournalTeller | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #mustLookAgain = false;

  constructor(
    parts: StreamParts,
    about: { readonly tenant: string; readonly deploymentId: string; readonly afterSeq: number },
    stream: EventStream,
  ) {
    this.#parts = parts;
    this.#tenant = about.tenant;
    this.#deploymentId = about.deploymentId;
    this.#afterSeq = about.afterSeq;
    this.#stream = stream;
  }

  start(): void {
    const unsubscribe = this.#parts.changes.subscribe((hint) => {
      if (hint.topic === 'resync' || ('deploymentId' in hint && hint.deploymentId === this.#deploymentId))
        this.#lookSoon(coalesceMs);
    });
    const metrics = setInterval(() => void this.#sendMetrics().catch((error: unknown) => this.#fail(error)), metricsMs);
    this.#stream.onClose(() => {
      unsubscribe();
      clearInterval(metrics);
      clearTimeout(this.#timer);
    });
    this.#lookSoon(0);
  }

  #lookSoon(inMs: number): void {
    if (this.#looking) this.#mustLookAgain = true;
    else this.#timer ??= setTimeout(() => this.#look(), inMs);
  }

  #look(): void {
    this.#timer = undefined;
    this.#looking = this.#sendNews()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#looking = undefined;
        if (!this.#mustLookAgain || !this.#stream.isOpen) return;
        this.#mustLookAgain = false;
        this.#lookSoon(coalesceMs);
      });
  }

  /** Lines first: a reader that stops at a final status has then seen all of them. */
  async #sendNews(): Promise<void> {
    const record = await this.#parts.deployments.find(this.#tenant, this.#deploymentId);
    if (record === null) {
      this.#stream.close();
      return;
    }
    const teller = (this.#teller ??= await this.#makeTeller());
    const entries = await this.#parts.journal.read(this.#tenant, this.#deploymentId, this.#afterSeq);
    for (const entry of entries.slice(0, pageSize)) {
      this.#send({ kind: 'entry', entry: teller.tell(entry) }, entry.seq);
      this.#afterSeq = entry.seq;
    }
    if (entries.length > pageSize) {
      this.#mustLookAgain = true;
      return;
    }
    const deployment = toDeploymentView(
      record,
      record.targetCount > 0 ? await this.#parts.deployments.nodes(this.#tenant, this.#deploymentId) : undefined,
    );
    const text = JSON.stringify(deployment);
    if (text === this.#lastStatus) return;
    this.#lastStatus = text;
    this.#send({ kind: 'status', deployment });
  }

  /** A reader who goes on in the middle is told of steps whose beginning was sent before. */
  async #makeTeller(): Promise<JournalTeller> {
    const teller = new JournalTeller();
    if (this.#afterSeq < 0) return teller;
    const entries = await this.#parts.journal.read(this.#tenant, this.#deploymentId);
    teller.hear(entries.filter(({ seq }) => seq <= this.#afterSeq));
    return teller;
  }

  async #sendMetrics(): Promise<void> {
    const { deployments, metrics, clock } = this.#parts;
    const record = await deployments.find(this.#tenant, this.#deploymentId);
    if (
      record === null ||
      record.targetCount === 0 ||
      !['InProgress', 'Paused', 'RollingBack'].includes(record.summary.status)
    )
      return;
    const { moduleName, releaseId } = record.spec;
    const query = {
      tenant: this.#tenant,
      deploymentId: this.#deploymentId,
      moduleName,
      nodes: [[0, record.targetCount]] as const,
      since: clock.now() - windowMs,
    };
    const [candidate, baseline] = await Promise.all([
      metrics.read({ ...query, variant: releaseId }),
      metrics.read({ ...query, variant: 'baseline' }),
    ]);
    if (candidate.samples + baseline.samples > 0)
      this.#send({
        kind: 'metrics',
        metrics: { windowMs, candidate: withoutSketch(candidate), baseline: withoutSketch(baseline) },
      });
  }

  #send(event: DeploymentEvent, id?: number): void {
    this.#stream.send({ event: event.kind, ...(id === undefined ? {} : { id }), data: JSON.stringify(event) });
  }

  #fail(error: unknown): void {
    this.#parts.logger.warn({ err: error, deploymentId: this.#deploymentId }, 'a deployment stream lost its source');
    this.#stream.close();
  }
}

/** Screens show quantiles; what they are from is many times as large. */
function withoutSketch({ latency, ...metrics }: VariantMetrics): VariantMetrics {
  if (latency === null) return { ...metrics, latency };
  const { buckets: _buckets, ...summary } = latency;
  return { ...metrics, latency: summary };
}
