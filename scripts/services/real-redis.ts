import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandOf, freePort, HeldProgram } from './held-program.ts';

/** A Redis of our own on loopback. */
export class RealRedis implements AsyncDisposable {
  readonly #directory: string;
  readonly #command: readonly string[];
  readonly port: number;
  #program: HeldProgram | undefined;

  private constructor(directory: string, command: readonly string[], port: number) {
    this.#directory = directory;
    this.#command = command;
    this.port = port;
  }

  static async start(...settings: string[]): Promise<RealRedis> {
    const directory = await mkdtemp(join(tmpdir(), 'hotswap-redis-'));
    const [program, port] = await Promise.all([commandOf('redis-server'), freePort()]);
    const own = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory];
    const redis = new RealRedis(directory, [...program, ...own, ...settings], port);
    await redis.run();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts the program; after a kill it has forgotten everything. */
  async run(): Promise<void> {
    this.#program = await HeldProgram.start(this.#command, () => answers(this.port));
  }

  /** Stops it from answering without closing anything; `SIGCONT` lets it go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#program?.signal(name);
  }

  async kill(): Promise<void> {
    await this.#program?.kill();
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
