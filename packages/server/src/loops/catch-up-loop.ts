import {
  allReachableNodes,
  chooseTargets,
  selectorShelf,
  type FleetReader,
  type NodeSelectorPlugin,
} from '@hotswap/core';
import type { EventBus } from '../event-bus.ts';
import type { CatchUps, OutstandingNode } from '../ports/catch-ups.ts';

/** Reports of many nodes that start together are looked at together. */
const gatherMs = 500;
/** Nodes that come back without a word of news are found by then. */
const sweepMs = 60_000;
const mostAtOnce = 1_000;

/** @internal */
export interface CatchUpLoopParts {
  readonly catchUps: CatchUps;
  readonly fleet: Pick<FleetReader, 'candidates'>;
  readonly selectors: readonly NodeSelectorPlugin<unknown>[];
  readonly events: EventBus;
  readonly onError: (error: unknown) => void;
}

/**
 * Brings nodes that joined, or were away, to the release that the last deployment left in their region: first loaded,
 * then routed. A node that the deployment's own selectors would not have chosen is left alone. Several servers may do
 * this at one time.
 * @internal
 */
export class CatchUpLoop {
  readonly #parts: CatchUpLoopParts;
  readonly #shelf: ReadonlyMap<string, NodeSelectorPlugin<unknown>>;
  readonly #nodes = new Set<string>();
  readonly #deployments = new Set<string>();
  #unsubscribe: (() => void) | undefined;
  #sweeping: NodeJS.Timeout | undefined;
  #gathering: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: CatchUpLoopParts) {
    this.#parts = parts;
    this.#shelf = selectorShelf(parts.selectors);
  }

  start(): void {
    this.#unsubscribe = this.#parts.events.subscribe((event) => {
      if (event.topic === 'node.changed') this.#touch(this.#nodes, event.subject);
      if (event.topic === 'deployment.changed') this.#touch(this.#deployments, event.subject);
    });
    this.#sweeping = setInterval(() => this.#queue({}), sweepMs);
    this.#sweeping.unref();
    this.#queue({});
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unsubscribe?.();
    clearInterval(this.#sweeping);
    clearTimeout(this.#gathering);
    await this.#working;
  }

  #touch(touched: Set<string>, id: string): void {
    touched.add(id);
    if (this.#gathering !== undefined) return;
    this.#gathering = setTimeout(() => {
      this.#gathering = undefined;
      if (this.#nodes.size > 0) this.#queue({ nodeIds: [...this.#nodes] });
      for (const deploymentId of this.#deployments) this.#queue({ deploymentId });
      this.#nodes.clear();
      this.#deployments.clear();
    }, gatherMs);
    this.#gathering.unref();
  }

  #queue(about: { readonly nodeIds?: readonly string[]; readonly deploymentId?: string }): void {
    this.#working = this.#working.then(() =>
      this.#isStopped ? undefined : this.#look(about).catch(this.#parts.onError),
    );
  }

  async #look(about: { readonly nodeIds?: readonly string[]; readonly deploymentId?: string }): Promise<void> {
    const { catchUps } = this.#parts;
    if (about.deploymentId === undefined) await catchUps.settle(about.nodeIds);
    const due = await catchUps.outstanding(null, { ...about, limit: mostAtOnce });
    const waiting = due.filter(({ hasBegun, isReachable }) => !hasBegun && isReachable);
    for (const nodes of Map.groupBy(waiting, keyOf).values()) await this.#begin(nodes);
  }

  async #begin(nodes: readonly OutstandingNode[]): Promise<void> {
    const { catchUps, fleet } = this.#parts;
    const [first] = nodes;
    if (!first) return;
    const { tenant, moduleName, regions, selectors } = first;
    const candidates = await fleet.candidates(tenant, moduleName, regions);
    const { chosen } = chooseTargets(candidates, selectors, { selector: allReachableNodes, selectors: this.#shelf });
    const wanted = new Set(chosen.map(({ nodeId }) => nodeId));
    const nodeIds = nodes.map(({ nodeId }) => nodeId).filter((nodeId) => wanted.has(nodeId));
    if (nodeIds.length > 0) await catchUps.begin(first, nodeIds);
  }
}

const keyOf = ({ tenant, deploymentId }: OutstandingNode): string => `${tenant}/${deploymentId}`;
