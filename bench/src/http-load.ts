import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Cores, coresCanBeChosen, onCores } from './cores.ts';

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
  /** Part of the time in which the load had nothing to do. Near 0: the load was measured, not the server. */
  readonly idleShare: number;
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
  /** Default `both`. With `load` it has a core for itself and never sleeps there: waking it would be the server's work. */
  readonly cores?: Cores;
}

/** Runs the load generator: one thread, kept connections, each answer's status and body checked. */
export async function httpLoad(loadgen: string, request: LoadRequest): Promise<LoadReport> {
  const { cores = 'both' } = request;
  const args = [
    ['--address', `127.0.0.1:${request.port}`],
    ['--path', request.path ?? '/'],
    ['--connections', `${request.connections ?? 64}`],
    ['--seconds', `${request.seconds}`],
    ['--warmup-seconds', `${request.warmupSeconds ?? 1}`],
    ...(request.requests === undefined ? [] : [['--requests', `${request.requests}`]]),
    ...(cores === 'load' && coresCanBeChosen() ? [['--spin']] : []),
    ...request.bodies.map((body) => ['--body', body]),
  ].flat();
  const [command, ...rest] = onCores(cores, [loadgen, ...args]);
  const { stdout } = await promisify(execFile)(command ?? loadgen, rest);
  return JSON.parse(stdout) as LoadReport;
}
