import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { formatSse } from '@hotswap/protocol';
import { serverError } from '../error-codes.ts';

/** A reader that is so far behind is cut off: it comes back and goes on from its last id. */
const maxBufferedBytes = 4 * 1_048_576;
const keepAliveMs = 10_000;
const maxStreams = 20_000;

/** One open stream of events to one reader. @internal */
export interface EventStream {
  /** `false` when the reader is gone or was cut off. */
  send(event: { readonly event?: string; readonly id?: string | number; readonly data: string }): boolean;
  close(): void;
  /** Resolves when the reader has taken what was sent, or is gone: for senders that would rather wait than cut it off. */
  drained(): Promise<void>;
  /** Called once when it has ended, whoever ended it. */
  onClose(handler: () => void): void;
  readonly isOpen: boolean;
}

/** All open streams of this process, so that they can be ended in order when it stops. @internal */
export class EventStreams {
  readonly #open = new Set<EventStream>();
  #isClosed = false;

  /**
   * Turns an answer into a stream. Comments keep it alive while nothing happens.
   * @throws HS_LIMIT_STREAMS, HS_API_UNAVAILABLE while the server stops
   */
  open(request: FastifyRequest, reply: FastifyReply): EventStream {
    if (this.#isClosed) throw serverError('HS_API_UNAVAILABLE', { state: 'stopping' });
    if (this.#open.size >= maxStreams) throw serverError('HS_LIMIT_STREAMS', { limit: maxStreams });
    reply.hijack();
    const { raw } = reply;
    // Streams outlive the time that one request may take.
    request.raw.socket.setTimeout(0);
    raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-request-id': request.id,
    });
    raw.write(':\n\n');
    const keepAlive = setInterval(() => void raw.write(':\n\n'), keepAliveMs);
    const handlers: (() => void)[] = [];
    const stream: EventStream = {
      get isOpen() {
        return !raw.writableEnded && !raw.destroyed;
      },
      send: (event) => {
        if (!stream.isOpen) return false;
        if (raw.writableLength > maxBufferedBytes) {
          raw.destroy();
          return false;
        }
        raw.write(formatSse(event));
        return true;
      },
      close: () => void raw.end(),
      drained: () => (stream.isOpen && raw.writableNeedDrain ? nextOf(raw, 'drain', 'close') : Promise.resolve()),
      onClose: (handler) => void handlers.push(handler),
    };
    this.#open.add(stream);
    raw.once('close', () => {
      clearInterval(keepAlive);
      this.#open.delete(stream);
      for (const handler of handlers) handler();
    });
    return stream;
  }

  /** Ends all streams; readers go to another server, or come back. */
  closeAll(): void {
    this.#isClosed = true;
    for (const stream of this.#open) stream.close();
  }
}

function nextOf(response: ServerResponse, ...events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) response.removeListener(event, done);
      resolve();
    };
    for (const event of events) response.once(event, done);
  });
}
