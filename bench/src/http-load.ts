import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { onTheSameCores } from './same-cores.ts';

/** What the load generator reports. */
export interface LoadReport {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Requests without a good answer, those of the warm-up included. */
  readonly failed: number;
  readonly failures: Readonly<Record<string, number | string | null>>;
  /** How many answers came from which version; empty where the server does not say. */
  readonly counted: Readonly<Record<string, number>>;
}

/** What to ask for, and how much of it. */
export interface LoadRequest {
  readonly port: number;
  readonly path?: string;
  /** Bodies that an answer may have. */
  readonly bodies: readonly string[];
  /** Default 64. */
  readonly connections?: number;
  readonly seconds: number;
  /** Ends the run before its time. */
  readonly requests?: number;
  /** Default 1. */
  readonly warmupSeconds?: number;
}

/** Runs the load generator: one thread, kept connections, each answer's status and body checked. */
export async function httpLoad(loadgen: string, request: LoadRequest): Promise<LoadReport> {
  const args = [
    ['--address', `127.0.0.1:${request.port}`],
    ['--path', request.path ?? '/'],
    ['--connections', `${request.connections ?? 64}`],
    ['--seconds', `${request.seconds}`],
    ['--warmup-seconds', `${request.warmupSeconds ?? 1}`],
    ...(request.requests === undefined ? [] : [['--requests', `${request.requests}`]]),
    ...request.bodies.map((body) => ['--body', body]),
  ].flat();
  const [command, ...rest] = onTheSameCores([loadgen, ...args]);
  const { stdout } = await promisify(execFile)(command ?? loadgen, rest);
  return JSON.parse(stdout) as LoadReport;
}
