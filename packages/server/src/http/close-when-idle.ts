import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';

const lookEachMs = 100;
/** Looks that a connection is left on which nothing has come, and one on which a part of a request has: a second. */
const looksLeft = { untouched: 1, begun: 10 } as const;

/** A connection, and what is under way on it. */
interface Connection {
  readonly socket: Socket;
  answers: number;
  looks: number;
}

/** Open connections by the other end's address: that of an encrypted one takes the place of the bare one below it. */
class Connections {
  readonly #open = new Map<string, Connection>();

  add(socket: Socket): void {
    const connection = { socket, answers: 0, looks: 0 };
    const end = endOf(socket);
    this.#open.set(end, connection);
    socket.once('close', () => {
      if (this.#open.get(end) === connection) this.#open.delete(end);
    });
  }

  /** Counts one more answer under way, or one less. */
  count(socket: Socket, answers: 1 | -1): void {
    const connection = this.#open.get(endOf(socket));
    if (connection) connection.answers += answers;
  }

  /** Ends those on which no request has arrived for long enough. */
  look(): void {
    for (const connection of this.#open.values()) {
      const { socket, answers } = connection;
      if (answers > 0) continue;
      if (connection.looks >= looksLeft[socket.bytesRead === 0 ? 'untouched' : 'begun']) socket.destroy();
      connection.looks++;
    }
  }
}

const endOf = ({ remoteAddress, remotePort }: Socket): string => `${String(remoteAddress)} ${String(remotePort)}`;

/**
 * Watches a server from its start, so that its end waits for answers and for requests that are just arriving, and for
 * nothing else. Node closes idle connections once, at the beginning of a close: one whose answer ends a moment later would
 * hold the server until its keep-alive is over, and one that never asked for anything, or is half through its handshake or
 * the head of a request, counts as busy.
 * @returns runs a close, and closes connections as they become idle until it is over
 * @internal
 */
export function closeWhenIdle(server: HttpServer | HttpsServer): (close: () => Promise<unknown>) => Promise<void> {
  const connections = new Connections();
  for (const event of ['connection', 'secureConnection']) server.on(event, (socket: Socket) => connections.add(socket));
  server.on('request', ({ socket }, response) => {
    connections.count(socket, 1);
    response.once('close', () => connections.count(socket, -1));
  });
  const closeIdle = (): void => {
    server.closeIdleConnections();
    connections.look();
  };
  return async (close) => {
    const timer = setInterval(closeIdle, lookEachMs);
    try {
      closeIdle();
      await close();
    } finally {
      clearInterval(timer);
    }
  };
}
