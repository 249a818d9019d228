import { EventEmitter } from 'eventemitter3';
import type { EventSink, HotSwapEvent } from '@hotswap/core';

/** Events of this process, and of other servers where they are told, for whoever listens; best effort. @internal */
export class EventBus implements EventSink {
  readonly #emitter = new EventEmitter<{ own: [HotSwapEvent]; others: [HotSwapEvent] }>();

  emit(event: HotSwapEvent): void {
    this.#emitter.emit('own', event);
  }

  /** For events that another server has told of: it sees to whatever follows from them. */
  emitOfOther(event: HotSwapEvent): void {
    this.#emitter.emit('others', event);
  }

  /** Calls the handler with each event, of whichever server, until the returned function is called: for screens. */
  subscribe(handler: (event: HotSwapEvent) => void): () => void {
    const unsubscribe = this.subscribeOwn(handler);
    this.#emitter.on('others', handler);
    return () => {
      unsubscribe();
      this.#emitter.off('others', handler);
    };
  }

  /** The same without those of other servers: for work that one server is to do. */
  subscribeOwn(handler: (event: HotSwapEvent) => void): () => void {
    this.#emitter.on('own', handler);
    return () => void this.#emitter.off('own', handler);
  }
}
