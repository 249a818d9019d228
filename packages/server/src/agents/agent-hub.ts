import type { EventStream } from '../http/event-stream.ts';
import type { ChangeHint, ChangeHints } from '../ports/change-hints.ts';
import type { DesiredStates } from '../ports/node-registry.ts';

/** Hints of one commit, and of commits right after each other, are answered by one reading. */
const coalesceMs = 3;
/** A floor under the hints: whatever was missed is seen by then. */
const lookAgainMs = 10_000;
const batchSize = 500;

interface Connected {
  readonly tenant: string;
  readonly nodeId: string;
  readonly stream: EventStream;
  sentGeneration: number;
}

/** @internal */
export interface AgentHubParts {
  readonly desired: DesiredStates;
  readonly changes: ChangeHints;
  readonly onError: (error: unknown) => void;
}

/**
 * Tells connected agents what their node shall be: always the whole latest state, never a state twice.
 * @internal
 */
export class AgentHub {
  readonly #parts: AgentHubParts;
  readonly #connected = new Map<string, Connected>();
  #unsubscribe: (() => void) | undefined;
  #floor: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #mustLookAgain = false;

  constructor(parts: AgentHubParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#unsubscribe = this.#parts.changes.subscribe((hint) => this.#hear(hint));
    this.#floor = setInterval(() => this.#lookSoon(), lookAgainMs);
    this.#floor.unref();
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    clearInterval(this.#floor);
    clearTimeout(this.#timer);
    await this.#looking;
  }

  /** How many agents listen. */
  get size(): number {
    return this.#connected.size;
  }

  /** Sends the latest state, then every change. A newer connection of a node ends the older one. */
  async connect(tenant: string, nodeId: string, stream: EventStream): Promise<void> {
    const key = `${tenant}/${nodeId}`;
    this.#connected.get(key)?.stream.close();
    const connected: Connected = { tenant, nodeId, stream, sentGeneration: -1 };
    this.#connected.set(key, connected);
    stream.onClose(() => {
      if (this.#connected.get(key) === connected) this.#connected.delete(key);
    });
    await this.#send(tenant, [connected]);
  }

  #hear(hint: ChangeHint): void {
    if (hint.topic === 'desired' || hint.topic === 'resync') this.#lookSoon();
  }

  #lookSoon(): void {
    if (this.#connected.size === 0) return;
    if (this.#looking) this.#mustLookAgain = true;
    else this.#timer ??= setTimeout(() => this.#look(), coalesceMs);
  }

  #look(): void {
    this.#timer = undefined;
    this.#looking = this.#sendLagging()
      .catch(this.#parts.onError)
      .finally(() => {
        this.#looking = undefined;
        if (!this.#mustLookAgain) return;
        this.#mustLookAgain = false;
        this.#lookSoon();
      });
  }

  async #sendLagging(): Promise<void> {
    for (const [tenant, connected] of Map.groupBy(this.#connected.values(), (one) => one.tenant)) {
      const generations = await this.#parts.desired.generations(
        tenant,
        connected.map((one) => one.nodeId),
      );
      // A node that is gone has no generation: reading it ends its stream.
      const lagging = connected.filter((one) => (generations.get(one.nodeId) ?? Infinity) > one.sentGeneration);
      for (let from = 0; from < lagging.length; from += batchSize)
        await this.#send(tenant, lagging.slice(from, from + batchSize));
    }
  }

  async #send(tenant: string, connected: readonly Connected[]): Promise<void> {
    const states = await this.#parts.desired.read(
      tenant,
      connected.map((one) => one.nodeId),
    );
    for (const one of connected) {
      const state = states.get(one.nodeId);
      if (state === undefined) one.stream.close();
      else if (
        state.generation > one.sentGeneration &&
        one.stream.send({ event: 'desired', id: state.generation, data: JSON.stringify(state) })
      ) {
        one.sentGeneration = state.generation;
      }
    }
  }
}
