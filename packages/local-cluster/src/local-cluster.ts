import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHotSwapClient, type HotSwapClient } from '@hotswap/protocol';
import { startProgram, type ChildProgram } from './child-program.ts';
import { localClusterError } from './error-codes.ts';
import { freePorts } from './free-ports.ts';
import { sixNodesInThreeRegions, type LocalNode } from './local-nodes.ts';

/** How a local cluster is set up; everything has a default. @public */
export interface LocalClusterOptions {
  /** Where the database, modules, credentials and logs live; made when missing. */
  readonly dataDirectory: string;
  /** Port of the API on loopback. Default 0: a free one. */
  readonly port?: number;
  /** Default {@link sixNodesInThreeRegions}. Empty: the server alone. */
  readonly nodes?: readonly LocalNode[];
  /** Whether nodes open a port on which anyone reaches public modules. Default `false`. */
  readonly publicHttp?: boolean;
  /** Environment for the server process only, e.g. a database URL or a failpoint. */
  readonly serverEnv?: NodeJS.ProcessEnv;
  /** Environment for agents by node id. */
  readonly agentEnv?: (nodeId: string) => NodeJS.ProcessEnv;
  /** Told of each step while starting. */
  readonly onProgress?: (message: string) => void;
  /** Longest time for one process to become ready. Default 60,000. */
  readonly startTimeoutMs?: number;
}

/** A server and its agents on this machine. @public */
export interface LocalCluster extends AsyncDisposable {
  readonly url: string;
  /** Credential of the local administrator. */
  readonly token: string;
  readonly dataDirectory: string;
  readonly client: HotSwapClient;
  readonly server: ChildProgram;
  readonly agents: ReadonlyMap<string, ChildProgram>;
  /** Public ports by node id; empty without `publicHttp`. */
  readonly httpUrls: ReadonlyMap<string, string>;
  /** Starts the server again after it was stopped or killed; same data, same port. */
  restartServer(env?: NodeJS.ProcessEnv): Promise<void>;
  /** Starts an agent again after it was stopped or killed. */
  restartAgent(nodeId: string, env?: NodeJS.ProcessEnv): Promise<void>;
  /** Resolves when that many nodes report as healthy. */
  waitForNodes(count: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a server with its embedded defaults (PGlite, file store) and agents as processes of their own, and waits until
 * all nodes are healthy.
 * @throws HS_CLUSTER_START_FAILED naming the process and its log when one does not become ready.
 * @public
 */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const cluster = new ChildProcessCluster(options);
  try {
    await cluster.start();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

class ChildProcessCluster implements LocalCluster {
  readonly dataDirectory: string;
  readonly agents: Map<string, ChildProgram> = new Map();
  readonly httpUrls: Map<string, string> = new Map();
  readonly #options: LocalClusterOptions;
  readonly #nodes: readonly LocalNode[];
  #server: ChildProgram | undefined;
  #client: HotSwapClient | undefined;
  #url = '';
  #token = '';

  constructor(options: LocalClusterOptions) {
    this.#options = options;
    this.#nodes = options.nodes ?? sixNodesInThreeRegions;
    this.dataDirectory = options.dataDirectory;
  }

  get url(): string {
    return this.#url;
  }

  get token(): string {
    return this.#token;
  }

  get client(): HotSwapClient {
    return this.#client as HotSwapClient;
  }

  get server(): ChildProgram {
    return this.#server as ChildProgram;
  }

  async start(): Promise<void> {
    await mkdir(join(this.dataDirectory, 'logs'), { recursive: true, mode: 0o700 });
    this.#tell('starting the server');
    await this.#startServer(this.#options.port ?? 0, this.#options.serverEnv);
    this.#tell(`server is ready at ${this.#url}; starting ${String(this.#nodes.length)} agents`);
    if (this.#nodes.length === 0) return;
    if (this.#options.publicHttp === true) await this.#choosePorts();
    const { token } = await this.client.nodes.createJoinToken({ uses: this.#nodes.length });
    await Promise.all(this.#nodes.map((node) => this.#startAgent(node, token, this.#options.agentEnv?.(node.nodeId))));
    await this.waitForNodes(this.#nodes.length);
    this.#tell(`${String(this.#nodes.length)} nodes are healthy`);
  }

  async restartServer(env?: NodeJS.ProcessEnv): Promise<void> {
    await this.#server?.stop(10_000);
    await this.#startServer(Number(new URL(this.#url).port), env ?? this.#options.serverEnv);
  }

  async restartAgent(nodeId: string, env?: NodeJS.ProcessEnv): Promise<void> {
    await this.agents.get(nodeId)?.stop(10_000);
    const node = this.#nodes.find((candidate) => candidate.nodeId === nodeId);
    if (node) await this.#startAgent(node, undefined, env ?? this.#options.agentEnv?.(nodeId));
  }

  async waitForNodes(count: number): Promise<void> {
    const names = [...this.agents.values()];
    await this.#until(`${String(count)} healthy nodes`, names, async () => {
      const { nodes } = await this.client.nodes.list();
      return nodes.filter((node) => node.status === 'Healthy').length >= count;
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.agents.values()].map((agent) => agent.stop(8_000)));
    await this.#server?.stop(12_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #startServer(port: number, env: NodeJS.ProcessEnv | undefined): Promise<void> {
    this.#server = startProgram({
      name: 'server',
      entry: import.meta.resolve('@hotswap/server/main'),
      args: ['--data-dir', this.dataDirectory, '--host', '127.0.0.1', '--port', String(port)],
      logFile: join(this.dataDirectory, 'logs', 'server.log'),
      ...(env ? { env } : {}),
    });
    const pid = this.#server.pid;
    await this.#until('the server', [this.#server], async () => {
      const local = JSON.parse(await readFile(join(this.dataDirectory, 'local-admin.json'), 'utf8')) as {
        url: string;
        token: string;
        pid: number;
      };
      if (local.pid !== pid) return false;
      this.#url = local.url;
      this.#token = local.token;
      this.#client = createHotSwapClient({ baseUrl: local.url, token: local.token });
      return (await fetch(new URL('/health/ready', local.url))).ok;
    });
  }

  /** Once for all, so that an agent that starts again has the port that its callers know. */
  async #choosePorts(): Promise<void> {
    const ports = await freePorts(this.#nodes.length);
    this.#nodes.forEach(({ nodeId }, at) => this.httpUrls.set(nodeId, `http://127.0.0.1:${String(ports[at])}`));
  }

  #httpPort(nodeId: string): number {
    return Number(new URL(this.httpUrls.get(nodeId) ?? '').port);
  }

  async #startAgent(node: LocalNode, joinToken: string | undefined, env: NodeJS.ProcessEnv | undefined): Promise<void> {
    const directory = join(this.dataDirectory, 'nodes', node.nodeId);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const configFile = join(directory, 'edge-node-config.json');
    const config = {
      NodeId: node.nodeId,
      Region: node.region,
      Zone: node.zone,
      OrchestratorApiUrl: this.#url,
      DataDirectory: directory,
      ...(this.httpUrls.has(node.nodeId) ? { HttpPort: this.#httpPort(node.nodeId) } : {}),
    };
    await writeFile(configFile, JSON.stringify(config, null, 2), { mode: 0o600 });
    const agent = startProgram({
      name: node.nodeId,
      entry: import.meta.resolve('@hotswap/edge-agent/main'),
      args: ['--config', configFile],
      logFile: join(this.dataDirectory, 'logs', `${node.nodeId}.log`),
      env: { ...env, ...(joinToken === undefined ? {} : { HOTSWAP_AGENT_JOIN_TOKEN: joinToken }) },
    });
    this.agents.set(node.nodeId, agent);
  }

  /** Polls until the condition holds; a process of the list that ends meanwhile is the failure. */
  async #until(what: string, processes: readonly ChildProgram[], condition: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + (this.#options.startTimeoutMs ?? 60_000);
    let why = 'it took too long';
    while (performance.now() < deadline) {
      const gone = processes.find((program) => !program.isRunning());
      if (gone)
        throw localClusterError('HS_CLUSTER_START_FAILED', {
          process: gone.name,
          why: `it ended with ${String(await gone.ended)}`,
          log: gone.logFile,
        });
      try {
        if (await condition()) return;
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
      }
      await sleep(50);
    }
    throw localClusterError('HS_CLUSTER_START_FAILED', { process: what, why, log: processes[0]?.logFile ?? '' });
  }

  #tell(message: string): void {
    this.#options.onProgress?.(message);
  }
}
