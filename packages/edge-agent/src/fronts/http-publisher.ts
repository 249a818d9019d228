import type { HttpModule } from './http-routes.ts';

/**
 * Keeps routes to what the node serves. Most swaps change no route: then nothing is published, and what many modules
 * change in one turn is published once.
 * @internal
 */
export class HttpPublisher {
  readonly #read: () => readonly HttpModule[];
  readonly #publish: (modules: readonly HttpModule[]) => void;
  #last = '';
  #scheduled: NodeJS.Immediate | undefined;

  constructor(read: () => readonly HttpModule[], publish: (modules: readonly HttpModule[]) => void) {
    this.#read = read;
    this.#publish = publish;
  }

  /** Something may have changed. */
  touch(): void {
    this.#scheduled ??= setImmediate(() => this.flush());
  }

  /** Publishes what has changed, now. */
  flush(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const modules = this.#read();
    const text = JSON.stringify(modules);
    if (text === this.#last) return;
    this.#publish(modules);
    this.#last = text;
  }
}
