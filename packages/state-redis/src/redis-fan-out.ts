import { randomUUID } from 'node:crypto';
import type { FanOut } from '@hotswap/core';
import type { RedisConnection } from './redis-connection.ts';

/**
 * Messages between servers by a channel of Redis. While it is away they are lost.
 * @public
 */
export class RedisFanOut implements FanOut {
  readonly #connection: RedisConnection;
  readonly #channel: string;
  readonly #self = `${randomUUID()}\n`;
  readonly #handlers = new Set<(message: string) => void>();
  #stop: (() => Promise<void>) | undefined;
  #isClosed = false;

  private constructor(connection: RedisConnection) {
    this.#connection = connection;
    this.#channel = `${connection.prefix}:events`;
  }

  /** Begins to listen, now or as soon as Redis is there. */
  static async open(connection: RedisConnection): Promise<RedisFanOut> {
    const fanOut = new RedisFanOut(connection);
    fanOut.#stop = await connection.openSubscriber(fanOut.#channel, (text) => fanOut.#hear(text));
    return fanOut;
  }

  publish(message: string): void {
    if (this.#isClosed) return;
    this.#connection.send(['PUBLISH', this.#channel, `${this.#self}${message}`]).catch(() => undefined);
  }

  subscribe(handler: (message: string) => void): () => void {
    this.#handlers.add(handler);
    return () => void this.#handlers.delete(handler);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#handlers.clear();
    await this.#stop?.();
    this.#stop = undefined;
  }

  #hear(text: string): void {
    if (text.startsWith(this.#self)) return;
    const at = text.indexOf('\n');
    if (at < 0) return;
    for (const handler of this.#handlers) handler(text.slice(at + 1));
  }
}
