import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandOf, freePort } from './held-program.ts';
import { RealProgram } from './real-program.ts';

/** A Redis of our own on loopback. */
export class RealRedis extends RealProgram {
  readonly port: number;

  private constructor(directory: string, command: readonly string[], port: number) {
    super(directory, command);
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

  protected override async answers(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1');
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
}
