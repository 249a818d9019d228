import { createClient } from '@redis/client';
import { stateRedisError } from './error-codes.ts';

type Client = ReturnType<typeof createClient>;

/** @public */
export interface RedisOptions {
  /** `redis://` or `rediss://` URL with user, password and number of the database as needed. */
  readonly url: string;
  /** What keys and channels begin with: installations on one Redis need names of their own. Default `hotswap`. */
  readonly prefix?: string;
  /** Told when it answers, and when it no longer does, each time once. */
  readonly onChange?: (isUp: boolean, error?: unknown) => void;
  /** Told of settings that make counters vanish early, after each connect. */
  readonly onWarning?: (text: string) => void;
}

const connectTimeoutMs = 2_000;
const longestPauseMs = 2_000;
/** More than that many questions without an answer are refused instead of being kept. */
const mostWaiting = 5_000;

/**
 * A connection that comes back by itself. Nothing waits for it: while it is away every question is refused at once.
 * @public
 */
export class RedisConnection implements AsyncDisposable {
  readonly prefix: string;
  readonly #client: Client;
  readonly #options: RedisOptions;
  #isUp = false;
  #isClosed = false;

  private constructor(options: RedisOptions) {
    this.#options = options;
    this.prefix = options.prefix ?? 'hotswap';
    this.#client = createClient({
      url: options.url,
      RESP: 2,
      disableOfflineQueue: true,
      commandsQueueMaxLength: mostWaiting,
      socket: {
        connectTimeout: connectTimeoutMs,
        keepAlive: true,
        reconnectStrategy: (retries) =>
          Math.min(longestPauseMs, 50 * 2 ** Math.min(retries, 6)) * (0.5 + Math.random() / 2),
      },
    });
    this.#client.on('ready', () => this.#changed(true));
    this.#client.on('error', (error: unknown) => this.#changed(false, error));
    this.#client.on('end', () => this.#changed(false));
  }

  /**
   * Begins to connect, and waits for it a moment; that it is away is no reason to fail.
   * @throws HS_STORE_REDIS_URL
   */
  static async open(options: RedisOptions, waitMs: number = 1_000): Promise<RedisConnection> {
    let connection: RedisConnection;
    try {
      connection = new RedisConnection(options);
    } catch (error) {
      throw stateRedisError('HS_STORE_REDIS_URL', { why: error instanceof Error ? error.name : 'unknown' }, error);
    }
    const connecting = connection.#client.connect().catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([connecting, new Promise((resolve) => (timer = setTimeout(resolve, waitMs)))]);
    clearTimeout(timer);
    return connection;
  }

  /** Whether it answers, as far as is known. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /**
   * Sends one command.
   * @throws HS_STORE_REDIS_UNAVAILABLE
   * @internal
   */
  async send(command: readonly string[]): Promise<unknown> {
    if (!this.#isUp) throw stateRedisError('HS_STORE_REDIS_UNAVAILABLE');
    return this.#client.sendCommand([...command]);
  }

  /** A connection of its own to the same place, for a subscription. @internal */
  async openSubscriber(channel: string, handler: (message: string) => void): Promise<() => Promise<void>> {
    const client = this.#client.duplicate();
    client.on('error', () => undefined);
    // It is subscribed to anew after each connect.
    const connecting = client.connect().then(
      () => client.subscribe(channel, handler),
      () => undefined,
    );
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([connecting, new Promise((resolve) => (timer = setTimeout(resolve, connectTimeoutMs)))]);
    clearTimeout(timer);
    return () => {
      if (client.isOpen) client.destroy();
      return Promise.resolve();
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#isUp = false;
    if (this.#client.isOpen) this.#client.destroy();
    return Promise.resolve();
  }

  #changed(isUp: boolean, error?: unknown): void {
    if (this.#isClosed) return;
    if (isUp) void this.#look().catch(() => undefined);
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    this.#options.onChange?.(isUp, error);
  }

  /** Counters that are evicted let everybody begin anew. */
  async #look(): Promise<void> {
    const info = (await this.#client.sendCommand(['INFO', 'memory'])) as unknown as string;
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    if (policy !== undefined && policy !== 'noeviction')
      this.#options.onWarning?.(
        `Redis may drop counters before their time (maxmemory-policy is ${policy}): set it to noeviction`,
      );
  }
}
