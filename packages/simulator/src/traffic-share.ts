import { nodeCount, subtractNodes, unionNodes, type JournalEntry, type NodeSet } from '@hotswap/core';

/** A part of the targets with the share of its requests that the new release gets. */
interface Part {
  readonly among: NodeSet;
  readonly to: NodeSet;
  readonly percent: number;
}

/** What the new release got from some moment on. @internal */
export interface SharePoint {
  readonly atMs: number;
  readonly percent: number;
  readonly nodes: number;
}

/**
 * Follows a journal and keeps how many nodes serve the new release, and with which share of all requests: what metrics
 * are scaled by, and what a blast radius is measured in.
 * @internal
 */
export class TrafficShare {
  readonly #points: SharePoint[] = [{ atMs: 0, percent: 0, nodes: 0 }];
  readonly #running = new Map<number, Extract<JournalEntry, { type: 'began' }>['effect']>();
  #parts: readonly Part[] = [];
  #targets = 0;

  get now(): SharePoint {
    return this.#points.at(-1) as SharePoint;
  }

  /** Points in order, each valid until the next. */
  get points(): readonly SharePoint[] {
    return this.#points;
  }

  follow(entry: JournalEntry, atMs: number): void {
    if (entry.type === 'executed') this.#targets = entry.targets.length;
    if (entry.type === 'began') {
      this.#running.set(entry.step, entry.effect);
      // Desired state is changed with the beginning; a restored node gets no request for the new release any more.
      if (entry.effect.kind === 'restore') this.#withdraw(entry.effect.input.nodes, atMs);
      if (entry.effect.kind === 'shiftTraffic') this.#shift(entry.effect.input, atMs);
    }
  }

  #shift({ to, among, percent }: Part & { readonly releaseId?: string }, atMs: number): void {
    const others = this.#parts.map((part) => without(part, among)).filter((part) => nodeCount(part.among) > 0);
    this.#parts = percent > 0 ? [...others, { to, among, percent }] : others;
    this.#note(atMs);
  }

  #withdraw(nodes: NodeSet, atMs: number): void {
    this.#parts = this.#parts.map((part) => without(part, nodes)).filter((part) => nodeCount(part.to) > 0);
    this.#note(atMs);
  }

  #note(atMs: number): void {
    const all = Math.max(1, this.#targets);
    const percent = this.#parts.reduce((sum, part) => sum + (part.percent * nodeCount(part.among)) / all, 0);
    const nodes = nodeCount(this.#parts.reduce<NodeSet>((set, part) => unionNodes(set, part.to), []));
    this.#points.push({ atMs, percent: Math.min(100, Number(percent.toFixed(4))), nodes });
  }
}

const without = ({ to, among, percent }: Part, removed: NodeSet): Part => ({
  percent,
  to: subtractNodes(to, removed),
  among: subtractNodes(among, removed),
});
