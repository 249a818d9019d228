import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandOf, freePort, HeldProgram } from './held-program.ts';

/** A Prometheus server of our own on loopback. */
export class RealPrometheus implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;
  readonly #program: HeldProgram;

  private constructor(url: string, folder: string, program: HeldProgram) {
    this.url = url;
    this.#folder = folder;
    this.#program = program;
  }

  /** @param config Content of `prometheus.yml` */
  static async start(config: string, port?: number): Promise<RealPrometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'hotswap-scraping-'));
    await mkdir(join(folder, 'data'));
    const file = join(folder, 'prometheus.yml');
    await writeFile(file, config);
    const listensAt = `127.0.0.1:${String(port ?? (await freePort()))}`;
    const command = [
      ...[...(await commandOf('prometheus')), `--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`],
      ...[`--web.listen-address=${listensAt}`, '--log.level=error'],
    ];
    const url = `http://${listensAt}`;
    return new RealPrometheus(url, folder, await HeldProgram.start(command, () => isReady(url)));
  }

  /** What `/api/v1/<path>` answers; throws what Prometheus finds wrong. */
  async ask<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(query).toString()}`);
    const body = (await answer.json()) as { readonly data: T; readonly error?: string };
    if (body.error !== undefined) throw new Error(`${body.error}: ${JSON.stringify(query)}`);
    return body.data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.kill();
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
