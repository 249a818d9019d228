import type { EventSink } from '@hotswap/core';
import { silenceText, unhealthyAfterMs } from '../nodes/node-conditions.ts';
import type { NodeSilence, NodeSilences } from '../ports/node-silences.ts';

const lookMs = 5_000;

/** @internal */
export interface NodeWatchLoopParts {
  readonly silences: NodeSilences;
  readonly events: EventSink;
  readonly onError: (error: unknown) => void;
  /** Default PT2M (NOD-5). */
  readonly unhealthyAfterMs?: number;
  /** Default 5,000. */
  readonly lookMs?: number;
}

/**
 * Sees nodes fall silent and come back, and tells of each turn once: an act in the audit chain, an alert, an event.
 * Several servers may look at one time.
 * @internal
 */
export class NodeWatchLoop {
  readonly #parts: NodeWatchLoopParts;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(parts: NodeWatchLoopParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.look()
        .catch(this.#parts.onError)
        .finally(() => {
          this.#looking = undefined;
        });
    }, this.#parts.lookMs ?? lookMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** Notes what has turned since the last look of any server. */
  async look(): Promise<void> {
    const { silences, events } = this.#parts;
    for (const { tenant, nodeId, kind } of await silences.turn(
      this.#parts.unhealthyAfterMs ?? unhealthyAfterMs,
      wordingOf,
    )) {
      events.emit({ topic: kind === 'silent' ? 'node.unhealthy' : 'node.recovered', tenant, subject: nodeId });
      events.emit({ topic: 'node.changed', tenant, subject: nodeId });
    }
  }
}

function wordingOf({ nodeId, kind, silentForMs }: NodeSilence): {
  readonly text: string;
  readonly severity: 'info' | 'warning';
} {
  return kind === 'silent'
    ? { text: silenceText(nodeId, silentForMs), severity: 'warning' }
    : { text: `${nodeId} is heard of again, or was disabled`, severity: 'info' };
}
