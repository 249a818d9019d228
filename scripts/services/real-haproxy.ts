import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { haproxyConfig, type HaproxyPools } from '@hotswap/router-haproxy';

const script = fileURLToPath(new URL('../programs.mjs', import.meta.url));

/** Kills the program when its input ends, which it also does when the process that holds it dies in any way. */
const untilInputEnds = '"$@" </dev/null & program=$!; read -r _; kill -KILL $program 2>/dev/null; wait $program';

/** An HAProxy of our own on loopback, with the configuration that the package writes. */
export class RealHaproxy implements AsyncDisposable {
  readonly #directory: string;
  readonly #command: readonly string[];
  readonly port: number;
  #process: ChildProcess | undefined;
  #log = '';

  private constructor(directory: string, command: readonly string[], port: number) {
    this.#directory = directory;
    this.#command = command;
    this.port = port;
  }

  static async start(pools: HaproxyPools = {}): Promise<RealHaproxy> {
    const directory = await mkdtemp(join(tmpdir(), 'hotswap-haproxy-'));
    const { stdout } = await promisify(execFile)(process.execPath, [script, 'haproxy']);
    const command = JSON.parse(stdout) as readonly string[];
    const haproxy = new RealHaproxy(directory, command, await freePort());
    await writeFile(haproxy.mapFile, '');
    await writeFile(
      join(directory, 'haproxy.cfg'),
      haproxyConfig({ bind: `127.0.0.1:${haproxy.port}`, socket: haproxy.socket, mapFile: haproxy.mapFile, ...pools }),
    );
    await haproxy.run();
    return haproxy;
  }

  get socket(): string {
    return join(this.#directory, 'admin.sock');
  }

  get mapFile(): string {
    return join(this.#directory, 'routes.map');
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the program, as after a reload that has forgotten everything. */
  async run(): Promise<void> {
    const program = [...this.#command, '-db', '-f', join(this.#directory, 'haproxy.cfg')];
    const child = spawn('sh', ['-c', untilInputEnds, 'sh', ...program], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.on('error', () => undefined);
    this.#process = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => (this.#log = (this.#log + text.toString()).slice(-8_000)));
    for (let waited = 0; ; waited += 25) {
      if (child.exitCode !== null || waited > 15_000) throw new Error(`HAProxy did not start:\n${this.#log}`);
      if (await answers(this.port)) return;
      await sleep(25);
    }
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.stdin?.end();
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    await (await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(1_000) })).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}
