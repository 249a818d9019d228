import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandOf, freePort } from './held-program.ts';
import { RealProgram } from './real-program.ts';

/** A Prometheus server of our own on loopback. */
export class RealPrometheus extends RealProgram {
  readonly url: string;

  private constructor(directory: string, command: readonly string[], url: string) {
    super(directory, command);
    this.url = url;
  }

  /** @param config Content of `prometheus.yml` */
  static async start(config: string, port?: number): Promise<RealPrometheus> {
    const directory = await mkdtemp(join(tmpdir(), 'hotswap-scraping-'));
    const data = join(directory, 'data');
    await mkdir(data);
    const file = join(directory, 'prometheus.yml');
    await writeFile(file, config);
    const listensAt = `127.0.0.1:${String(port ?? (await freePort()))}`;
    const command = [
      ...[...(await commandOf('prometheus')), `--config.file=${file}`, `--storage.tsdb.path=${data}`],
      ...[`--web.listen-address=${listensAt}`, '--log.level=error'],
    ];
    const prometheus = new RealPrometheus(directory, command, `http://${listensAt}`);
    await prometheus.run();
    return prometheus;
  }

  /** What `/api/v1/<path>` answers; throws what Prometheus finds wrong. */
  async ask<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(query).toString()}`);
    const body = (await answer.json()) as { readonly data: T; readonly error?: string };
    if (body.error !== undefined) throw new Error(`${body.error}: ${JSON.stringify(query)}`);
    return body.data;
  }

  protected override async answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/-/ready`, { signal: AbortSignal.timeout(1_000) })).ok;
    } catch {
      return false;
    }
  }
}
