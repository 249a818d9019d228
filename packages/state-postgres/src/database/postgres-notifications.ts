import pg, { type Client, type ClientConfig } from 'pg';
import type { Notifications } from './notifications.ts';

/** A session that has gone silently (a cut cable, a dropped NAT entry) is found within two of these. */
const heartbeatMs = 10_000;
const heartbeatTimeoutMs = 5_000;
/** While there is no connection, subscribers look for themselves this often; also the longest wait between attempts. */
const pollMs = 2_000;

interface Listener {
  readonly channel: string;
  readonly onPayload: (payload: string) => void;
  readonly onGap: () => void;
}

/**
 * `LISTEN` on a connection of its own that is kept for the life of the database, and made anew when it breaks.
 * @internal
 */
export class PostgresNotifications implements Notifications {
  readonly #config: ClientConfig;
  readonly #listeners = new Set<Listener>();
  #client: Client | null = null;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(config: ClientConfig) {
    this.#config = config;
  }

  async listen(
    channel: string,
    onPayload: (payload: string) => void,
    onGap: () => void,
  ): Promise<{ close(): Promise<void> }> {
    const listener: Listener = { channel, onPayload, onGap };
    this.#listeners.add(listener);
    if (this.#client !== null) await this.#client.query(`listen "${channel}"`);
    else if (this.#listeners.size === 1) await this.#connect();
    onGap();
    return {
      close: () => {
        this.#listeners.delete(listener);
        return Promise.resolve();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#listeners.clear();
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({ ...this.#config, application_name: 'hotswap-listen' });
    client.on('error', () => this.#lost(client));
    client.on('end', () => this.#lost(client));
    client.on('notification', ({ channel, payload }) => {
      for (const listener of this.#listeners) if (listener.channel === channel) listener.onPayload(payload ?? '');
    });
    this.#client = client;
    try {
      await client.connect();
      for (const channel of new Set([...this.#listeners].map((listener) => listener.channel)))
        await client.query(`listen "${channel}"`);
      this.#later(heartbeatMs, () => this.#checkAlive(client));
    } catch {
      this.#lost(client);
    }
  }

  async #checkAlive(client: Client): Promise<void> {
    const deadline = setTimeout(() => this.#lost(client), heartbeatTimeoutMs);
    try {
      await client.query('select 1');
      if (this.#client === client) this.#later(heartbeatMs, () => this.#checkAlive(client));
    } catch {
      this.#lost(client);
    } finally {
      clearTimeout(deadline);
    }
  }

  #lost(client: Client): void {
    if (this.#closed || this.#client !== client) return;
    this.#client = null;
    client.end().catch(() => undefined);
    this.#retry();
  }

  #retry(): void {
    this.#later(pollMs, async () => {
      await this.#connect();
      for (const listener of this.#listeners) listener.onGap();
    });
  }

  #later(ms: number, work: () => Promise<void>): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void work(), ms);
    this.#timer.unref();
  }
}
