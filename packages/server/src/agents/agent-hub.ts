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
  /** Which stream of the node it is. */
  readonly epoch: number;
  sentGeneration: number;
}

/** @internal */
export interface AgentHubParts {
  readonly desired: DesiredStates;
  readonly changes: ChangeHints;
  readonly onError: (error: unknown) => void;
}

/**
 * Tells connected agents what their node shall be: always the whole latest state, never a state twice, and over all
 * servers one agent of a node: the one that has asked last.
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

  /** Takes the node's stream over from whoever has it, here or elsewhere. `null`: another agent has followed this one. */
  claim(tenant: string, nodeId: string, bootId: string | null): Promise<number | null> {
    return this.#parts.desired.claimStream(tenant, nodeId, bootId);
  }

  /** Sends the latest state, then every change, until a stream with a higher claim is there. */
  async connect(tenant: string, nodeId: string, epoch: number, stream: EventStream): Promise<void> {
    const key = `${tenant}/${nodeId}`;
    const other = this.#connected.get(key);
    if (other !== undefined && other.epoch > epoch) {
      stream.close();
      return;
    }
    other?.stream.close();
    const connected: Connected = { tenant, nodeId, stream, epoch, sentGeneration: -1 };
    this.#connected.set(key, connected);
    stream.onClose(() => {
      if (this.#connected.get(key) === connected) this.#connected.delete(key);
    });
    // Also reads whether another server has given the stream away since it was claimed: nobody was there to hear of that.
    await this.#bringUpToDate(tenant, [connected]);
  }

  #hear(hint: ChangeHint): void {
    if (hint.topic === 'stream') {
      const connected = this.#connected.get(`${hint.tenant}/${hint.nodeId}`);
      if (connected !== undefined && connected.epoch < hint.epoch) connected.stream.close();
    }
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
    for (const [tenant, connected] of Map.groupBy(this.#connected.values(), (one) => one.tenant))
      await this.#bringUpToDate(tenant, connected);
  }

  async #bringUpToDate(tenant: string, connected: readonly Connected[]): Promise<void> {
    const marks = await this.#parts.desired.marks(
      tenant,
      connected.map((one) => one.nodeId),
    );
    const lagging: Connected[] = [];
    for (const one of connected) {
      // A node that is gone has none: reading it ends its stream.
      const { generation, streamEpoch } = marks.get(one.nodeId) ?? { generation: Infinity, streamEpoch: 0 };
      if (streamEpoch > one.epoch) one.stream.close();
      else if (generation > one.sentGeneration) lagging.push(one);
    }
    for (let from = 0; from < lagging.length; from += batchSize)
      await this.#send(tenant, lagging.slice(from, from + batchSize));
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
