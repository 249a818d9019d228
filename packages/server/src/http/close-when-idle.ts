import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';

const closeIdleEachMs = 100;

/**
 * Watches a server from its start, so that its end waits for answers and for nothing else. Node closes idle connections once,
 * at the beginning of a close: one whose answer ends a moment later would hold the server until its keep-alive is over, and
 * one that never asked for anything counts as busy.
 * @returns runs a close, and closes connections as they become idle until it is over
 * @internal
 */
export function closeWhenIdle(server: HttpServer | HttpsServer): (close: () => Promise<unknown>) => Promise<void> {
  const silent = new Set<Duplex>();
  const isEncrypted = 'setSecureContext' in server;
  server.on(isEncrypted ? 'secureConnection' : 'connection', (socket: Duplex) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  server.on('request', ({ socket }) => silent.delete(socket));
  const closeIdle = (): void => {
    server.closeIdleConnections();
    for (const socket of silent) socket.destroy();
  };
  return async (close) => {
    const timer = setInterval(closeIdle, closeIdleEachMs);
    try {
      closeIdle();
      await close();
    } finally {
      clearInterval(timer);
    }
  };
}
