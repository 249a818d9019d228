import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { haproxyConfig, type HaproxyPools } from '@hotswap/router-haproxy';
import { commandOf, freePort } from './held-program.ts';
import { RealProgram } from './real-program.ts';

/** An HAProxy of our own on loopback, with the configuration that the package writes. */
export class RealHaproxy extends RealProgram {
  readonly port: number;

  private constructor(directory: string, command: readonly string[], port: number) {
    super(directory, command);
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
    return join(this.directory, 'admin.sock');
  }

  get mapFile(): string {
    return join(this.directory, 'routes.map');
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  protected override async answers(): Promise<boolean> {
    try {
      await (await fetch(this.url, { signal: AbortSignal.timeout(1_000) })).arrayBuffer();
      return true;
    } catch {
      return false;
    }
  }
}
