import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { haproxyConfig, type HaproxyPools } from '@hotswap/router-haproxy';
import { commandOf, freePort, HeldProgram } from './held-program.ts';

/** An HAProxy of our own on loopback, with the configuration that the package writes. */
export class RealHaproxy implements AsyncDisposable {
  readonly #directory: string;
  readonly #command: readonly string[];
  readonly port: number;
  #program: HeldProgram | undefined;

  private constructor(directory: string, command: readonly string[], port: number) {
    this.#directory = directory;
    this.#command = command;
    this.port = port;
  }

  static async start(pools: HaproxyPools = {}): Promise<RealHaproxy> {
    const directory = await mkdtemp(join(tmpdir(), 'hotswap-haproxy-'));
    const file = join(directory, 'haproxy.cfg');
    const [program, port] = await Promise.all([commandOf('haproxy'), freePort()]);
    const haproxy = new RealHaproxy(directory, [...program, '-db', '-f', file], port);
    const { socket, mapFile } = haproxy;
    await writeFile(mapFile, '');
    await writeFile(file, haproxyConfig({ bind: `127.0.0.1:${port}`, socket, mapFile, ...pools }));
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
    this.#program = await HeldProgram.start(this.#command, () => answers(this.url));
  }

  async kill(): Promise<void> {
    await this.#program?.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(url, { signal: AbortSignal.timeout(1_000) })).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
