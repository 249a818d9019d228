import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHotSwapClient, type HotSwapClient } from '@hotswap/protocol';
import {
  createServer,
  withDefaults,
  type RunningServer,
  type ServerConfig,
  type ServerOverrides,
} from '@hotswap/server';
import { v8Inspector } from './v8-inspector.ts';

/** A server on a database of its own, with a client that is its administrator. */
export interface TestServer extends AsyncDisposable {
  readonly server: RunningServer;
  readonly url: string;
  readonly token: string;
  readonly client: HotSwapClient;
  readonly dataDir: string;
  /** Sends a request as it is and reads the answer's JSON. */
  send(
    method: string,
    path: string,
    options?: SendOptions,
  ): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>;
}

export interface SendOptions {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Default: the administrator's; `null`: none. */
  readonly token?: string | null;
}

export async function startTestServer(
  config: Partial<ServerConfig> = {},
  overrides: ServerOverrides = {},
): Promise<TestServer> {
  const dataDir = config.dataDir ?? (await mkdtemp(join(tmpdir(), 'hotswap-server-')));
  const server = await createServer(withDefaults({ dataDir, port: 0, logLevel: 'silent', ...config }), {
    runtime: v8Inspector,
    database: { inMemory: true },
    checksAnswers: true,
    triggerIntervalMs: 100,
    ...overrides,
  });
  const token = server.adminToken ?? '';
  return {
    server,
    token,
    dataDir,
    url: server.url,
    client: createHotSwapClient({ baseUrl: server.url, token }),
    send: async (method, path, options = {}) => {
      const bearer = options.token === undefined ? token : options.token;
      const isRaw = typeof options.body === 'string' || options.body instanceof Uint8Array;
      const response = await fetch(`${server.url}${path}`, {
        method,
        headers: {
          ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
        ...(options.body === undefined
          ? {}
          : { body: isRaw ? (options.body as string) : JSON.stringify(options.body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
      };
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      if (config.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
