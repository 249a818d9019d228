import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const script = fileURLToPath(new URL('../../../scripts/programs.mjs', import.meta.url));

/** A program that is watched: its metrics are the text that a test gives it. */
export class Exporter implements AsyncDisposable {
  readonly #server: Server;
  text = '';

  private constructor() {
    this.#server = createServer((_, response) => {
      response.setHeader('content-type', 'text/plain; version=0.0.4').end(this.text);
    });
  }

  static async start(): Promise<Exporter> {
    const exporter = new Exporter();
    await once(exporter.#server.listen(0, '127.0.0.1'), 'listening');
    return exporter;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** A Prometheus server of our own on loopback that scrapes one address each second. */
export class RealPrometheus implements AsyncDisposable {
  readonly #directory: string;
  readonly #child: ChildProcess;
  readonly url: string;

  private constructor(directory: string, child: ChildProcess, url: string) {
    this.#directory = directory;
    this.#child = child;
    this.url = url;
  }

  static async start(scraped: string): Promise<RealPrometheus> {
    const directory = await mkdtemp(join(tmpdir(), 'hotswap-prometheus-'));
    const { stdout } = await promisify(execFile)(process.execPath, [script, 'prometheus']);
    const [program, ...args] = JSON.parse(stdout) as readonly [string, ...string[]];
    await writeFile(
      join(directory, 'prometheus.yml'),
      `global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: test\n  static_configs:\n  - targets: ['${scraped}']\n`,
    );
    const port = await freePort();
    const child = spawn(
      program,
      [
        ...args,
        `--config.file=${join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    child.stderr.on('data', (text: Buffer) => (log = (log + text.toString()).slice(-4_000)));
    const prometheus = new RealPrometheus(directory, child, `http://127.0.0.1:${port}`);
    for (let waitedMs = 0; ; waitedMs += 50) {
      if (child.exitCode !== null || waitedMs > 30_000) throw new Error(`Prometheus did not start:\n${log}`);
      if (await isReady(prometheus.url)) return prometheus;
      await sleep(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    if (this.#child.kill('SIGKILL')) await ended;
    await rm(this.#directory, { recursive: true, force: true });
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
