import { fork, type ChildProcess } from 'node:child_process';
import process from 'node:process';
import { isIntended } from './exit-codes.ts';

/** Longest that a worker may take to stop when it was asked to. */
const stopDeadlineMs = 20_000;
const firstWaitMs = 50;
const maxWaitMs = 10_000;
const defaultHungAfterMs = 60_000;
/** Signs of life are missed one by one, so that a machine that slept does not look like a worker that hangs. */
const missedSigns = 6;
/** After running that long, the next death is a first one again. */
const stableAfterMs = 30_000;

/** @internal */
export interface WorkerSupervisorOptions {
  /** Program of the worker. */
  readonly program: string;
  readonly args: readonly string[];
  readonly log: (message: string) => void;
  /** A worker that has served and then gives no sign of life for that long is killed. Default 60,000 ms. */
  readonly hungAfterMs?: number;
}

/**
 * Keeps one worker running: whatever ends it but its own intent, a new one is started, at once for the first death and
 * with growing waits for those that follow.
 * @internal
 */
export class WorkerSupervisor {
  readonly #options: WorkerSupervisorOptions;
  readonly #ended = Promise.withResolvers<number>();
  #worker: ChildProcess | undefined;
  #startedAt = 0;
  #deaths = 0;
  #timer: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #missed = 0;
  #lastPort = 0;
  #isStopping = false;

  constructor(options: WorkerSupervisorOptions) {
    this.#options = options;
  }

  /** Process id of the worker that runs, if one does. */
  get workerId(): number | undefined {
    return this.#worker?.pid;
  }

  /** Runs until the worker ends by intent. @returns the code to exit with */
  run(): Promise<number> {
    this.#start();
    return this.#ended.promise;
  }

  /**
   * As `run`; SIGTERM and SIGINT of this process are passed on to the worker. Where a parent process holds a channel to
   * this one, the end of the parent ends both.
   */
  runUntilSignal(): Promise<number> {
    process.on('SIGTERM', () => this.stop('SIGTERM'));
    process.on('SIGINT', () => this.stop('SIGINT'));
    if (process.connected) process.once('disconnect', () => this.stop('SIGTERM'));
    return this.run();
  }

  /** Asks the worker to stop, kills it when it does not, and ends. */
  stop(signal: NodeJS.Signals): void {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const worker = this.#worker;
    if (worker === undefined) {
      this.#ended.resolve(0);
      return;
    }
    worker.kill(signal);
    this.#timer = setTimeout(() => worker.kill('SIGKILL'), stopDeadlineMs);
  }

  #start(): void {
    const env = { ...process.env };
    // A port that was free once is asked for again; a fault is injected into the first worker only.
    if (this.#lastPort > 0) env['HOTSWAP_AGENT_LAST_PORT'] = String(this.#lastPort);
    if (this.#startedAt > 0) delete env['HOTSWAP_FAILPOINT'];
    this.#startedAt = performance.now();
    const worker = fork(this.#options.program, this.#options.args, { env });
    this.#worker = worker;
    worker.on('message', (message: { readonly port?: unknown }) => {
      this.#missed = 0;
      if (typeof message.port !== 'number') return;
      this.#lastPort = message.port;
      this.#watchFor(worker);
    });
    worker.once('error', (error) => this.#options.log(`the worker could not be started: ${error.message}`));
    worker.once('close', (code, signal) => this.#closed(code, signal));
  }

  #watchFor(worker: ChildProcess): void {
    const hungAfterMs = this.#options.hungAfterMs ?? defaultHungAfterMs;
    this.#watch = setInterval(() => {
      if (++this.#missed < missedSigns) return;
      this.#options.log('the worker gives no sign of life');
      worker.kill('SIGKILL');
    }, hungAfterMs / missedSigns);
  }

  #closed(code: number | null, signal: NodeJS.Signals | null): void {
    this.#worker = undefined;
    clearInterval(this.#watch);
    if (this.#isStopping || isIntended(code)) {
      clearTimeout(this.#timer);
      this.#ended.resolve(isIntended(code) ? code : 0);
      return;
    }
    if (performance.now() - this.#startedAt > stableAfterMs) this.#deaths = 0;
    const waitMs = this.#deaths === 0 ? 0 : Math.min(maxWaitMs, firstWaitMs * 2 ** this.#deaths);
    this.#deaths++;
    this.#options.log(`the worker ended (${signal ?? `code ${String(code)}`}), starting it again in ${waitMs} ms`);
    this.#timer = setTimeout(() => this.#start(), waitMs);
  }
}
