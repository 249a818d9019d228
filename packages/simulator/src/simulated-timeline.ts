import { JournalExplainer, type JournalBatch } from '@hotswap/core';
import type { SimulatedEvent } from '@hotswap/protocol';
import type { TrafficShare } from './traffic-share.ts';

/** Longest timeline that a result carries; what follows is only counted. */
const mostEvents = 2_000;

/** What happened so far, as sentences in order. @internal */
export class SimulatedTimeline {
  readonly #explainer = new JournalExplainer();
  readonly #share: TrafficShare;
  readonly #events: SimulatedEvent[] = [];
  #progressPercent = 0;
  #count = 0;
  journalEntries = 0;

  constructor(share: TrafficShare) {
    this.#share = share;
  }

  get events(): readonly SimulatedEvent[] {
    return this.#events;
  }

  get leftOut(): number {
    return this.#count - this.#events.length;
  }

  /** Adds the entries of a commit. */
  follow(batch: JournalBatch, atMs: number): void {
    for (const entry of batch.entries) {
      this.journalEntries++;
      this.#share.follow(entry, atMs);
      this.#progressPercent = batch.summary.progressPercent;
      const sentence = this.#explainer.explain(entry);
      // A window of nodes of a large stage: it happens, and says nothing to a reader.
      if (entry.type !== 'moved') this.#add('journal', entry.type, sentence, atMs);
    }
  }

  /** Adds what the script did. */
  tell(type: string, sentence: string, atMs: number): void {
    this.#add('script', type, sentence, atMs);
  }

  #add(source: SimulatedEvent['source'], type: string, sentence: string, atMs: number): void {
    this.#count++;
    if (this.#events.length >= mostEvents) return;
    const trafficPercent = this.#share.now.percent;
    this.#events.push({ atMs, source, type, sentence, progressPercent: this.#progressPercent, trafficPercent });
  }
}
