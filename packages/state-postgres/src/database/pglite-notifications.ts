import type { PGlite } from '@electric-sql/pglite';
import type { Notifications } from './notifications.ts';
import type { PooledSessions } from './pooled-sessions.ts';

/**
 * `LISTEN` on the one session of a PGlite. It cannot break, so nothing is ever missed.
 * @internal
 */
export class PgliteNotifications implements Notifications {
  readonly #pglite: PGlite;
  readonly #sessions: PooledSessions;

  constructor(pglite: PGlite, sessions: PooledSessions) {
    this.#pglite = pglite;
    this.#sessions = sessions;
  }

  async listen(
    channel: string,
    onPayload: (payload: string) => void,
    onGap: () => void,
  ): Promise<{ close(): Promise<void> }> {
    // Behind the gate: a LISTEN inside somebody's transaction would be undone with it.
    const stop = await this.#sessions.withClient(() => this.#pglite.listen(channel, onPayload));
    onGap();
    return { close: () => this.#sessions.withClient(() => stop()) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The listeners end with the session.
  }
}
