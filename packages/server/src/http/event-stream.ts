import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { formatSse } from '@hotswap/protocol';
import { credentialOf } from '../auth/authorize.ts';
import type { Principal } from '../auth/principal.ts';
import { serverError } from '../error-codes.ts';

/** A reader that is so far behind is cut off: it comes back and goes on from its last id. */
const maxBufferedBytes = 4 * 1_048_576;
const keepAliveMs = 10_000;
const maxStreams = 20_000;
const longestTimerMs = 2_147_483_647;

/** One open stream of events to one reader. @internal */
export interface EventStream {
  /** `false` when the reader is gone or was cut off. */
  send(event: { readonly event?: string; readonly id?: string | number; readonly data: string }): boolean;
  /** Names the place in the stream where a reader goes on that is cut off now, without an event. */
  mark(id: string | number): void;
  close(): void;
  /** Resolves when the reader has taken what was sent, or is gone: for senders that would rather wait than cut it off. */
  drained(): Promise<void>;
  /** Called once when it has ended, whoever ended it; at once when it has already. */
  onClose(handler: () => void): void;
  readonly isOpen: boolean;
}

/** Who reads a stream. */
interface Reader {
  readonly token: string | undefined;
  readonly principal: Principal | null;
}

/**
 * All open streams of this process, so that they can be ended in order when it stops, and when their readers are no longer
 * let in.
 * @internal
 */
export class EventStreams {
  readonly #open = new Map<EventStream, Reader>();
  #isClosed = false;

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

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
    const ending = endOf(request.principal, () => void raw.end());
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
      mark: (id) => {
        if (stream.isOpen) raw.write(`id: ${id}\n\n`);
      },
      close: () => void raw.end(),
      drained: () => (stream.isOpen && raw.writableNeedDrain ? nextOf(raw, 'drain', 'close') : Promise.resolve()),
      onClose: (handler) => {
        if (raw.closed) handler();
        else handlers.push(handler);
      },
    };
    this.#open.set(stream, { token: credentialOf(request)?.token, principal: request.principal });
    const onClose = (): void => {
      clearInterval(keepAlive);
      clearTimeout(ending);
      this.#open.delete(stream);
      for (const handler of handlers) handler();
    };
    // A reader may have left while the route was looking something up: nothing more is heard of it then.
    if (raw.closed) onClose();
    else raw.once('close', onClose);
    return stream;
  }

  /**
   * Ends streams of readers who are not let in any more, or no longer as who they were. Nodes are passed over: theirs end
   * with the node. While nobody can say, a stream goes on.
   */
  async recheck(authenticate: (token: string) => Promise<Principal | null>): Promise<void> {
    const asked = new Map<string, Promise<Principal | null | undefined>>();
    for (const [stream, { token, principal }] of [...this.#open]) {
      if (token === undefined || principal === null || principal.nodeId !== undefined) continue;
      const asking = asked.get(token) ?? authenticate(token).catch(() => undefined);
      asked.set(token, asking);
      const now = await asking;
      if (now !== undefined && !isSame(principal, now)) stream.close();
    }
  }

  /** Ends all streams; readers go to another server, or come back. */
  closeAll(): void {
    this.#isClosed = true;
    for (const stream of this.#open.keys()) stream.close();
  }
}

/** A proof that ends by itself ends the stream with it; whoever has another one comes back with that. */
function endOf(principal: Principal | null, end: () => void): NodeJS.Timeout | undefined {
  if (principal?.expiresAt === undefined) return undefined;
  return setTimeout(end, Math.min(Math.max(0, principal.expiresAt - Date.now()), longestTimerMs)).unref();
}

function isSame(before: Principal, now: Principal | null): boolean {
  return now !== null && now.tenant === before.tenant && now.subject === before.subject && now.role === before.role;
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
