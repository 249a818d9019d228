import { EventEmitter } from 'eventemitter3';
import type { EventSink, HotSwapEvent } from '@hotswap/core';

/** Events of this process, for work of this process; what others are to hear of goes through the event log. @internal */
export class EventBus implements EventSink {
  readonly #emitter = new EventEmitter<{ event: [HotSwapEvent] }>();

  emit(event: HotSwapEvent): void {
    this.#emitter.emit('event', event);
  }

  /** Calls the handler with each event until the returned function is called. */
  subscribe(handler: (event: HotSwapEvent) => void): () => void {
    this.#emitter.on('event', handler);
    return () => void this.#emitter.off('event', handler);
  }
}
