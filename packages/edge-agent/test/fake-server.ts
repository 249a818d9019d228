import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DesiredModule, DesiredState, ObservedRelease } from '@hotswap/core';
import { heartbeatSchema, nodeRegistrationSchema, type Heartbeat, type NodeRegistration } from '@hotswap/protocol';
import { SignJWT, exportJWK, generateKeyPair, type CryptoKey } from 'jose';

interface KeyPair {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** The server's side of the wire, as small as it can be, over real HTTP. */
export class FakeServer implements AsyncDisposable {
  readonly heartbeats: Heartbeat[] = [];
  readonly registrations: NodeRegistration[] = [];
  readonly sessions: NodeRegistration[] = [];
  readonly lastEventIds: string[] = [];
  /** Ranges that binaries were asked for with; `''` for whole ones. */
  readonly binaryReads: string[] = [];
  joinToken = 'join-1';
  credential = 'credential-1';
  heartbeatIntervalMs = 200;
  /** Cuts binaries off after that many bytes, as a broken connection would; 0 sends them whole. */
  cutBinariesAfter = 0;
  /** Streams stay open and bring nothing more, as a half-open connection does. */
  isMute = false;
  /** Requests by kind, whatever became of them. */
  readonly attempts: string[] = [];
  /** Answers this status instead to a kind of request. */
  readonly failing: Map<'register' | 'session' | 'desired' | 'heartbeat' | 'binary', number> = new Map();
  desired: DesiredState | undefined;
  readonly #binaries = new Map<string, Buffer>();
  readonly #streams = new Set<ServerResponse>();
  readonly #counted = new Set<string>();
  #http: Server | undefined;
  #port = 0;
  #keys: KeyPair | undefined;
  #nodeId = 'edge-1';
  /** Calls by release id, every report counted once. */
  readonly calls: Map<string, { calls: number; errors: number; crashes: number }> = new Map();

  static async start(): Promise<FakeServer> {
    const server = new FakeServer();
    server.#keys = await generateKeyPair('EdDSA', { extractable: true });
    await server.resume();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens (again), under the same address. */
  async resume(): Promise<void> {
    this.#http = createServer((request, response) => void this.#answer(request, response));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#http.listen(this.#port, '127.0.0.1', resolve);
    await promise;
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  /** Is gone, with all connections. */
  async vanish(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#http?.close(() => resolve());
    this.#http?.closeAllConnections();
    this.#streams.clear();
    await promise;
  }

  /** Keeps bytes to be pulled. @returns what a desired release says of them */
  store(
    moduleId: string,
    bytes: Buffer,
  ): { readonly moduleId: string; readonly digest: string; readonly sizeBytes: number } {
    this.#binaries.set(moduleId, bytes);
    return { moduleId, digest: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.byteLength };
  }

  wish(generation: number, ...modules: readonly DesiredModule[]): void {
    this.desired = { nodeId: this.#nodeId, generation, modules, heartbeatIntervalMs: this.heartbeatIntervalMs };
    for (const stream of this.#streams) this.#send(stream);
  }

  /** The last thing that the node said of a release. */
  observed(releaseId: string): ObservedRelease | undefined {
    return this.heartbeats.at(-1)?.observed.releases.find((release) => release.releaseId === releaseId);
  }

  get observedGeneration(): number {
    return this.heartbeats.at(-1)?.observed.generation ?? -1;
  }

  /** Where the node says it is reached. */
  get dataPlaneUrl(): string {
    return [...this.registrations, ...this.sessions].at(-1)?.dataPlaneUrl ?? '';
  }

  async invokeToken(): Promise<string> {
    const { privateKey } = this.#keys as KeyPair;
    return new SignJWT({})
      .setProtectedHeader({ alg: 'EdDSA' })
      .setAudience(this.#nodeId)
      .setExpirationTime('60s')
      .sign(privateKey);
  }

  cutStreams(): void {
    for (const stream of this.#streams) stream.destroy();
    this.#streams.clear();
  }

  get streams(): number {
    return this.#streams.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vanish();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = ''] = (request.url ?? '').split('?');
    const kind = path.endsWith('/nodes')
      ? 'register'
      : path.endsWith('/session')
        ? 'session'
        : path.endsWith('/desired')
          ? 'desired'
          : path.endsWith('/heartbeat')
            ? 'heartbeat'
            : 'binary';
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body: unknown = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : undefined;
    this.attempts.push(kind);
    const wanted = `Bearer ${kind === 'register' ? this.joinToken : this.credential}`;
    const status = this.failing.get(kind) ?? (request.headers.authorization === wanted ? 0 : 401);
    if (status !== 0) {
      problem(response, status);
      return;
    }
    if (kind === 'desired') this.#openStream(request, response);
    else if (kind === 'binary') this.#sendBinary(path, request, response);
    else await this.#exchange(kind, body, response);
  }

  async #exchange(kind: 'register' | 'session' | 'heartbeat', body: unknown, response: ServerResponse): Promise<void> {
    const serverPublicKey = await exportJWK((this.#keys as KeyPair).publicKey);
    if (kind === 'heartbeat') {
      this.#count(heartbeatSchema.parse(body));
      json(response, 200, { generation: this.desired?.generation ?? 0, heartbeatIntervalMs: this.heartbeatIntervalMs });
      return;
    }
    const registration = nodeRegistrationSchema.parse(body);
    this.#nodeId = registration.nodeId;
    (kind === 'register' ? this.registrations : this.sessions).push(registration);
    if (kind === 'session') json(response, 200, { serverPublicKey });
    else
      json(response, 201, {
        nodeId: registration.nodeId,
        credential: this.credential,
        serverPublicKey,
        tenant: 'default',
      });
  }

  #count(heartbeat: Heartbeat): void {
    this.heartbeats.push(heartbeat);
    const id = `${heartbeat.bootId}/${heartbeat.sequence}`;
    if (this.#counted.has(id)) return;
    this.#counted.add(id);
    for (const { releaseId, calls, errors, crashes } of heartbeat.metrics) {
      const sum = this.calls.get(releaseId) ?? { calls: 0, errors: 0, crashes: 0 };
      this.calls.set(releaseId, {
        calls: sum.calls + calls,
        errors: sum.errors + errors,
        crashes: sum.crashes + crashes,
      });
    }
  }

  #openStream(request: IncomingMessage, response: ServerResponse): void {
    this.lastEventIds.push(String(request.headers['last-event-id']));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\n');
    this.#streams.add(response);
    response.once('close', () => this.#streams.delete(response));
    this.#send(response);
  }

  #send(stream: ServerResponse): void {
    if (this.desired !== undefined && !this.isMute)
      stream.write(`id: ${this.desired.generation}\nevent: desired\ndata: ${JSON.stringify(this.desired)}\n\n`);
  }

  #sendBinary(path: string, request: IncomingMessage, response: ServerResponse): void {
    const bytes = this.#binaries.get(decodeURIComponent(path.split('/').at(-2) ?? ''));
    if (bytes === undefined) {
      problem(response, 404);
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    this.binaryReads.push(request.headers.range ?? '');
    response.writeHead(from > 0 ? 206 : 200, {
      'content-type': 'application/wasm',
      'content-length': bytes.byteLength - from,
    });
    if (this.cutBinariesAfter === 0) response.end(bytes.subarray(from));
    else
      response.write(bytes.subarray(from, from + this.cutBinariesAfter), () =>
        setTimeout(() => response.destroy(), 10),
      );
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function problem(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(
    JSON.stringify({
      type: 'about:blank',
      title: 'No',
      status,
      detail: 'as the test says',
      code: 'HS_TEST',
      requestId: 'r',
    }),
  );
}
