import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DesiredRelease, DesiredState, ObservedRelease } from '@hotswap/core';
import { readSse, type Heartbeat, type HotSwapClient, type NodeRegistration } from '@hotswap/protocol';

/** Nodes that join at one time: joining is measured as a whole, not as a stampede. */
const startedTogether = 50;
/** Connections of all agents for everything but their streams: what a fleet has as many connections for. */
const postSockets = 64;

/**
 * Agents without a runtime: each joins, keeps its stream of desired states, fetches new modules, and reports, over HTTP
 * as real ones do. What a module does is not what is measured.
 */
export class SimulatedAgents implements AsyncDisposable {
  readonly #agents: SimulatedAgent[] = [];
  readonly #posts = new Agent({ keepAlive: true, maxSockets: postSockets });
  readonly #streams = new Agent({ keepAlive: false, maxSockets: Infinity });

  /** Joins the nodes and waits until the server calls all of them healthy. */
  async start(url: string, client: HotSwapClient, nodes: number): Promise<void> {
    const { token } = await client.nodes.createJoinToken({ uses: nodes });
    for (let from = 0; from < nodes; from += startedTogether) {
      const group = Array.from(
        { length: Math.min(startedTogether, nodes - from) },
        (_, n) => new SimulatedAgent(url, `edge-${String(from + n).padStart(4, '0')}`, this.#posts, this.#streams),
      );
      this.#agents.push(...group);
      await Promise.all(group.map((agent) => agent.start(token)));
    }
    while ((await countHealthy(client)) < nodes) await sleep(100);
  }

  /** Heartbeats that were answered so far, by all agents. */
  get heartbeats(): number {
    return this.#agents.reduce((sum, agent) => sum + agent.heartbeats, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) agent.stop();
    this.#posts.destroy();
    this.#streams.destroy();
    await Promise.resolve();
  }
}

class SimulatedAgent {
  readonly #url: URL;
  readonly #nodeId: string;
  readonly #posts: Agent;
  readonly #streams: Agent;
  readonly #bootId = `${String(Date.now()).padStart(13, '0')}-00000000`;
  readonly #loaded = new Set<string>();
  #credential = '';
  #sequence = 0;
  #desired: DesiredState | undefined;
  #reporting: Promise<void> | null = null;
  #isDirty = false;
  #stopped = false;
  #stream: ClientRequest | undefined;
  #timer: NodeJS.Timeout | undefined;
  heartbeats = 0;

  constructor(url: string, nodeId: string, posts: Agent, streams: Agent) {
    this.#url = new URL(url);
    this.#nodeId = nodeId;
    this.#posts = posts;
    this.#streams = streams;
  }

  async start(joinToken: string): Promise<void> {
    const registration: NodeRegistration = {
      nodeId: this.#nodeId,
      hostname: 'localhost',
      region: 'bench',
      runtime: 'Simulated',
      runtimeVersion: '1.0.0',
      capabilities: { components: true },
      maxModules: 1_000,
      hardware: { cpuCores: 1, totalMemoryMB: 1_024, architecture: 'x86_64' },
      dataPlaneUrl: 'http://127.0.0.1:9',
    };
    const joined = (await this.#send('POST', '', registration, joinToken)) as { readonly credential: string };
    this.#credential = joined.credential;
    void this.#follow();
    await this.#report();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#stream?.destroy();
  }

  async #follow(): Promise<void> {
    while (!this.#stopped) {
      try {
        const answer = await this.#open(`/${this.#nodeId}/desired`);
        for await (const event of readSse(answer)) {
          this.#desired = JSON.parse(event.data) as DesiredState;
          this.#nudge();
        }
      } catch {
        // The server ends streams when it stops; a real agent comes back in the same way.
      }
      if (!this.#stopped) await sleep(100);
    }
  }

  /** One report at a time: what is learnt meanwhile goes into the next. */
  #nudge(): void {
    this.#isDirty = true;
    this.#reporting ??= this.#reportAll().finally(() => {
      this.#reporting = null;
    });
  }

  async #reportAll(): Promise<void> {
    while (this.#isDirty && !this.#stopped) {
      this.#isDirty = false;
      try {
        await this.#load();
        await this.#report();
      } catch {
        if (this.#stopped) return;
        await sleep(100);
        this.#isDirty = true;
      }
    }
  }

  async #load(): Promise<void> {
    for (const { moduleId } of this.#releases()) {
      if (this.#loaded.has(moduleId)) continue;
      await this.#fetch('GET', `/api/v1/wasm/modules/${moduleId}/binary`);
      this.#loaded.add(moduleId);
    }
  }

  async #report(): Promise<void> {
    const desired = this.#desired;
    const heartbeat: Heartbeat = {
      bootId: this.#bootId,
      sequence: ++this.#sequence,
      observed: {
        generation: desired?.generation ?? 0,
        releases: (desired?.modules ?? []).flatMap(({ moduleName, releases }) =>
          releases.map((release) => observed(moduleName, release)),
        ),
      },
      metrics: [],
      resources: { cpuUsagePercent: 10, memoryUsageMB: 100, modulesLoaded: this.#loaded.size },
    };
    const answer = (await this.#send('POST', `/${this.#nodeId}/heartbeat`, heartbeat)) as {
      readonly heartbeatIntervalMs: number;
    };
    this.heartbeats++;
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => this.#nudge(), answer.heartbeatIntervalMs);
  }

  #releases(): readonly DesiredRelease[] {
    return this.#desired?.modules.flatMap((module) => module.releases) ?? [];
  }

  #send(method: string, path: string, body: object, token: string = this.#credential): Promise<unknown> {
    return this.#fetch(method, `/api/v1/wasm/nodes${path}`, body, token).then((text) => JSON.parse(text) as unknown);
  }

  #fetch(method: string, path: string, body?: object, token: string = this.#credential): Promise<string> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const sent = request(
        {
          host: this.#url.hostname,
          port: this.#url.port,
          method,
          path,
          agent: this.#posts,
          headers: {
            authorization: `Bearer ${token}`,
            ...(text === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          },
        },
        (answer) => {
          let read = '';
          answer.setEncoding('latin1');
          answer.on('data', (chunk: string) => (read += chunk));
          answer.on('end', () => {
            if ((answer.statusCode ?? 500) < 300) resolve(read);
            else reject(new RangeError(`${method} ${path}: ${String(answer.statusCode)} ${read}`));
          });
          answer.on('error', reject);
        },
      );
      sent.on('error', reject);
      sent.end(text);
    });
  }

  #open(path: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      this.#stream = request(
        {
          host: this.#url.hostname,
          port: this.#url.port,
          path: `/api/v1/wasm/nodes${path}`,
          agent: this.#streams,
          headers: { authorization: `Bearer ${this.#credential}` },
        },
        (answer) => {
          if (answer.statusCode === 200) resolve(answer);
          else {
            answer.resume();
            reject(new RangeError(`the stream answered ${String(answer.statusCode)}`));
          }
        },
      );
      this.#stream.on('error', reject);
      this.#stream.end();
    });
  }
}

function observed(moduleName: string, { releaseId, probe }: DesiredRelease): ObservedRelease {
  return {
    moduleName,
    releaseId,
    state: 'ready',
    ...(probe
      ? {
          health: {
            round: probe.round,
            state: 'healthy',
            consecutiveSuccesses: probe.check.successThreshold,
            consecutiveFailures: 0,
          },
        }
      : {}),
  };
}

async function countHealthy(client: HotSwapClient): Promise<number> {
  let healthy = 0;
  for (let cursor: string | undefined; ;) {
    const page = await client.nodes.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) });
    healthy += page.nodes.filter(({ status }) => status === 'Healthy').length;
    if (page.nextCursor === null) return healthy;
    cursor = page.nextCursor;
  }
}
