import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface NeighbourSettings {
  readonly perSecond: number;
  /** Whom it asks; without it the neighbour is a module that it loads and calls itself. */
  readonly http?: { readonly port: number; readonly path: string };
}

/** What the neighbour's calls were answered, and how long they took. */
export interface NeighbourReport {
  readonly wrong: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Somebody else in this process: engine, pool and threads of the runtime are shared, JavaScript is not. On the thread that
 * meets the poison a call would wait while that thread copies a module of 50 MB, which is nothing that a module did.
 */
export class Neighbour implements AsyncDisposable {
  readonly #thread: Worker;

  private constructor(thread: Worker) {
    this.#thread = thread;
  }

  static async start(settings: NeighbourSettings): Promise<Neighbour> {
    const thread = new Worker(new URL('neighbour-thread.ts', import.meta.url), { workerData: settings });
    await once(thread, 'message');
    return new Neighbour(thread);
  }

  async during(work: Promise<unknown>): Promise<NeighbourReport> {
    this.#thread.postMessage('begin');
    await work;
    const reported = once(this.#thread, 'message');
    this.#thread.postMessage('end');
    return ((await reported) as [NeighbourReport])[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.terminate();
  }
}
