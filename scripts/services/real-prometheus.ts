import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const programs = fileURLToPath(new URL('../programs.mjs', import.meta.url));

/** Command line of a program that tests run for real. */
export async function commandOf(name: 'prometheus' | 'promtool'): Promise<readonly [string, ...string[]]> {
  const { stdout } = await promisify(execFile)(process.execPath, [programs, name]);
  return JSON.parse(stdout) as [string, ...string[]];
}

/** A Prometheus server of our own on loopback. */
export class RealPrometheus implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(url: string, folder: string, child: ChildProcess) {
    this.url = url;
    this.#folder = folder;
    this.#child = child;
  }

  /** @param config Content of `prometheus.yml` */
  static async start(config: string, port?: number): Promise<RealPrometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'hotswap-scraping-'));
    await mkdir(join(folder, 'data'));
    const file = join(folder, 'prometheus.yml');
    await writeFile(file, config);
    const [program, ...args] = await commandOf('prometheus');
    const listensAt = `127.0.0.1:${String(port ?? (await freePort()))}`;
    const child = spawn(
      program,
      [
        ...[...args, `--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`],
        ...[`--web.listen-address=${listensAt}`, '--log.level=error'],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    child.stderr.on('data', (text: Buffer) => (log = (log + text.toString()).slice(-4_000)));
    const prometheus = new RealPrometheus(`http://${listensAt}`, folder, child);
    for (let waitedMs = 0; ; waitedMs += 50) {
      if (child.exitCode !== null || waitedMs > 30_000) {
        await prometheus[Symbol.asyncDispose]();
        throw new Error(`Prometheus did not start:\n${log}`);
      }
      if (await isReady(prometheus.url)) return prometheus;
      await sleep(50);
    }
  }

  /** What `/api/v1/<path>` answers; throws what Prometheus finds wrong. */
  async ask<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(query).toString()}`);
    const body = (await answer.json()) as { readonly data: T; readonly error?: string };
    if (body.error !== undefined) throw new Error(`${body.error}: ${JSON.stringify(query)}`);
    return body.data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    if (this.#child.exitCode === null && this.#child.kill('SIGKILL')) await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(1_000) })).ok;
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
