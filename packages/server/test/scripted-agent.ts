import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { desiredStateSchema, readSse, type NodeRegistration } from '@hotswap/protocol';
import {
  latencyBucket,
  type DesiredRelease,
  type DesiredState,
  type ObservedRelease,
  type ReleaseCallDelta,
} from '@hotswap/core';

/** What a release does on a scripted node, by its version. Default: healthy, answers. */
export interface ScriptedRelease {
  readonly health?: 'healthy' | 'unhealthy';
  readonly fails?: boolean;
  /** The release cannot be loaded. */
  readonly broken?: boolean;
}

export interface ScriptedAgentOptions {
  readonly url: string;
  readonly nodeId: string;
  readonly region: string;
  readonly joinToken: string;
  readonly releases?: (release: DesiredRelease) => ScriptedRelease;
  /** What the node answers a server that asks about itself, by path. Default 404, as an agent that knows no questions. */
  readonly questions?: (path: string, question: Record<string, unknown>, left: AbortSignal) => ScriptedAnswer;
}

/** `null`: it never answers. */
type ScriptedAnswer = Promise<unknown> | null;

/** An agent that speaks the real protocol over HTTP and plays releases from a script. */
export class ScriptedAgent {
  readonly #options: ScriptedAgentOptions;
  readonly #bootId = `${String(Date.now()).padStart(13, '0')}-${Math.random().toString(16).slice(2, 10)}`;
  readonly #stop = new AbortController();
  readonly #dataPlane: Server;
  readonly #health = new Map<string, { good: number; bad: number }>();
  readonly #metrics = new Map<string, { calls: number; errors: number }>();
  #credential = '';
  #sequence = 0;
  #probing: NodeJS.Timeout | undefined;
  #reporting: Promise<void> = Promise.resolve();
  desired: DesiredState | undefined;
  readonly seenGenerations: number[] = [];

  constructor(options: ScriptedAgentOptions) {
    this.#options = options;
    this.#dataPlane = createServer((request, response) => {
      if (request.url?.startsWith('/http/') === true) {
        this.#serve(request, response);
        return;
      }
      if (request.url?.startsWith('/node/') === true) {
        void this.#answer(request, response);
        return;
      }
      request.resume();
      request.on('end', () => {
        const { status, body } = this.#call(
          String(request.headers['x-hotswap-release']),
          decodeURIComponent(request.url?.split('/')[2] ?? ''),
        );
        response
          .writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' })
          .end(JSON.stringify(body));
      });
    });
  }

  get credential(): string {
    return this.#credential;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#dataPlane.listen(0, '127.0.0.1', resolve));
    const registration = this.registration();
    const joined = await this.post('/api/v1/wasm/nodes', registration, this.#options.joinToken);
    this.#credential = String((joined as { credential: string }).credential);
    await this.#report();
    void this.#watch();
    this.#probing = setInterval(() => this.#probe(), 30);
  }

  registration(): NodeRegistration {
    return {
      nodeId: this.#options.nodeId,
      hostname: 'localhost',
      region: this.#options.region,
      runtime: 'Scripted',
      runtimeVersion: '1.0.0',
      capabilities: { components: false },
      maxModules: 100,
      hardware: { cpuCores: 2, totalMemoryMB: 1_024, architecture: 'x86_64' },
      dataPlaneUrl: `http://127.0.0.1:${(this.#dataPlane.address() as AddressInfo).port}`,
      publicKey: { kty: 'OKP', crv: 'Ed25519', x: this.#options.nodeId },
    };
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#probing);
    await this.#reporting;
    this.#dataPlane.closeAllConnections();
    await new Promise((resolve) => this.#dataPlane.close(resolve));
  }

  async post(path: string, body: unknown, token: string = this.#credential): Promise<unknown> {
    const response = await fetch(`${this.#options.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: this.#stop.signal,
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(JSON.stringify(answer));
    return answer;
  }

  async #watch(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        const response = await fetch(`${this.#options.url}/api/v1/wasm/nodes/${this.#options.nodeId}/desired`, {
          headers: { authorization: `Bearer ${this.#credential}` },
          signal: this.#stop.signal,
        });
        for await (const event of readSse(response.body as unknown as AsyncIterable<Uint8Array>)) {
          this.desired = desiredStateSchema.parse(JSON.parse(event.data));
          this.seenGenerations.push(this.desired.generation);
          this.#nudge();
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  #probe(): void {
    let changed = false;
    for (const release of this.#all()) {
      if (!release.probe) continue;
      const key = `${release.releaseId}/${release.probe.round}`;
      const counts = this.#health.get(key) ?? { good: 0, bad: 0 };
      const isGood = this.#script(release).health !== 'unhealthy';
      this.#health.set(key, isGood ? { good: counts.good + 1, bad: 0 } : { good: 0, bad: counts.bad + 1 });
      changed ||= counts.good + counts.bad < 5;
    }
    if (changed || [...this.#metrics.values()].some((counts) => counts.calls > 0)) this.#nudge();
  }

  /** A module's own HTTP: the version, what it was asked, and the body. */
  #serve(request: IncomingMessage, response: ServerResponse): void {
    const release = this.#all().find((one) => one.releaseId === request.headers['x-hotswap-version']);
    if (!release) {
      response
        .writeHead(421, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify({ code: 'HS_HTTP_VERSION_NOT_HERE' }));
      return;
    }
    const { method, url, headers } = request;
    response.writeHead(200, {
      'x-hotswap-version': release.version,
      'x-seen': JSON.stringify({ method, url, headers }),
    });
    request.pipe(response);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const left = new AbortController();
    response.once('close', () => left.abort());
    const question = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>;
    const { questions } = this.#options;
    const answer = questions === undefined ? undefined : questions(request.url ?? '', question, left.signal);
    if (answer === null) return;
    const body = await answer;
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? { code: 'HS_AGENT_NOT_FOUND' });
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(text);
  }

  #call(releaseId: string, moduleName: string): { status: number; body: object } {
    const release = this.#all().find((one) => one.releaseId === releaseId);
    if (!release)
      return {
        status: 421,
        body: {
          type: 't',
          title: 't',
          status: 421,
          detail: 'not here',
          code: 'HS_AGENT_RELEASE_NOT_HERE',
          requestId: 'r',
        },
      };
    const counts = this.#metrics.get(releaseId) ?? { calls: 0, errors: 0 };
    const { fails = false } = this.#script(release);
    this.#metrics.set(releaseId, { calls: counts.calls + 1, errors: counts.errors + (fails ? 1 : 0) });
    if (fails)
      return {
        status: 422,
        body: { type: 't', title: 't', status: 422, detail: 'trap', code: 'HS_RUNTIME_TRAP', requestId: 'r' },
      };
    return {
      status: 200,
      body: { result: `${moduleName} ${release.version}`, moduleId: release.moduleId, releaseId, durationMs: 1 },
    };
  }

  #nudge(): void {
    this.#reporting = this.#reporting.then(() => this.#report()).catch(() => undefined);
  }

  async #report(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const metrics = [...this.#metrics].map(([releaseId, counts]): ReleaseCallDelta => ({
      moduleName:
        this.#all()
          .find((one) => one.releaseId === releaseId)
          ?.moduleId.replace(/-v[^v]+$/, '') ?? 'greeter',
      releaseId,
      ...counts,
      crashes: counts.errors,
      latencySumMs: counts.calls,
      latencySumSquaresMs2: counts.calls,
      latencyBuckets: { [latencyBucket(1)]: counts.calls },
      peakMemoryBytes: 65_536,
      memoryRefusals: 0,
    }));
    this.#metrics.clear();
    const observed = {
      generation: this.desired?.generation ?? 0,
      releases: this.#all().map((release) => this.#observe(release)),
    };
    await this.post(`/api/v1/wasm/nodes/${this.#options.nodeId}/heartbeat`, {
      bootId: this.#bootId,
      sequence: ++this.#sequence,
      observed,
      metrics,
      resources: { cpuUsagePercent: 10, memoryUsageMB: 100, modulesLoaded: observed.releases.length },
    });
  }

  #observe(release: DesiredRelease): ObservedRelease {
    const moduleName = release.moduleId.slice(0, release.moduleId.lastIndexOf('-v'));
    if (this.#script(release).broken)
      return {
        moduleName,
        releaseId: release.releaseId,
        state: 'failed',
        error: { code: 'HS_AGENT_LOAD_FAILED', message: 'it is broken' },
      };
    const base = { moduleName, releaseId: release.releaseId, state: 'ready' as const };
    if (!release.probe) return base;
    const { round, check } = release.probe;
    const { good, bad } = this.#health.get(`${release.releaseId}/${round}`) ?? { good: 0, bad: 0 };
    const state = good >= check.successThreshold ? 'healthy' : bad >= check.failureThreshold ? 'unhealthy' : 'unknown';
    return { ...base, health: { round, state, consecutiveSuccesses: good, consecutiveFailures: bad } };
  }

  #all(): readonly DesiredRelease[] {
    return this.desired?.modules.flatMap((module) => module.releases) ?? [];
  }

  #script(release: DesiredRelease): ScriptedRelease {
    return this.#options.releases?.(release) ?? {};
  }
}
