import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const script = fileURLToPath(new URL('../programs.mjs', import.meta.url));

/** Kills the program when its input ends, which it also does when the process that holds it dies in any way. */
const untilInputEnds =
  '"$@" </dev/null & program=$!; echo $program; read -r _; kill -KILL $program 2>/dev/null; wait $program';

/** A Redis of our own on loopback. */
export class RealRedis implements AsyncDisposable {
  readonly #directory: string;
  readonly #command: readonly string[];
  readonly #settings: readonly string[];
  readonly port: number;
  #process: ChildProcess | undefined;
  #pid = 0;

  private constructor(directory: string, command: readonly string[], port: number, settings: readonly string[]) {
    this.#directory = directory;
    this.#command = command;
    this.port = port;
    this.#settings = settings;
  }

  static async start(...settings: string[]): Promise<RealRedis> {
    const directory = await mkdtemp(join(tmpdir(), 'hotswap-redis-'));
    const { stdout } = await promisify(execFile)(process.execPath, [script, 'redis-server']);
    const redis = new RealRedis(directory, JSON.parse(stdout) as readonly string[], await freePort(), settings);
    await redis.run();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts the program; after a kill it has forgotten everything. */
  async run(): Promise<void> {
    const settings = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--dir', this.#directory];
    const program = [...this.#command, ...settings, ...this.#settings];
    const child = spawn('sh', ['-c', untilInputEnds, 'sh', ...program], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.on('error', () => undefined);
    child.stdout.once('data', (text: Buffer) => (this.#pid = Number(text.toString().split('\n', 1)[0])));
    child.stdout.resume();
    this.#process = child;
    for (let waitedMs = 0; !(await answers(this.port)); waitedMs += 25) {
      if (child.exitCode !== null || waitedMs > 15_000) throw new Error('Redis did not start');
      await sleep(25);
    }
  }

  /** Stops it from answering without closing anything; `SIGCONT` lets it go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(this.#pid, name);
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
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write('PING\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString().startsWith('+PONG');
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}
