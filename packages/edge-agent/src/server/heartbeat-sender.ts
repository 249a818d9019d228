import { isHotSwapError } from '@hotswap/core';
import type { Heartbeat, HeartbeatAnswer } from '@hotswap/protocol';
import { BackOff } from './back-off.ts';

/** News that come within this time go in one heartbeat. */
const coalesceMs = 10;

/** @internal */
export interface HeartbeatSenderOptions {
  readonly bootId: string;
  /** Before the server has said one. */
  readonly intervalMs: number;
  /** Everything but the numbering; metrics are those since the last call. */
  readonly report: () => Omit<Heartbeat, 'bootId' | 'sequence'>;
  readonly send: (heartbeat: Heartbeat) => Promise<HeartbeatAnswer>;
  readonly onAnswer: (answer: HeartbeatAnswer) => void;
  /** The first of the failures in a row; what was to be sent is sent again. */
  readonly onUnanswered: (error: unknown) => void;
  /** The server refused this one for good; its metrics are lost. */
  readonly onRefused: (error: unknown) => void;
  /** Another agent has taken over, or the credential is not accepted: nothing more is sent until `start`. */
  readonly onRejected: (error: unknown) => void;
}

/**
 * Reports the node: soon after each change, else by the interval. One report at a time; one that is not acknowledged
 * goes out again unchanged under its number, so that its metrics count once.
 * @internal
 */
export class HeartbeatSender {
  readonly #options: HeartbeatSenderOptions;
  readonly #backOff = new BackOff({ firstMs: 200, maxMs: 5_000 });
  #intervalMs: number;
  #sequence = 0;
  #unacknowledged: Heartbeat | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #sending: Promise<void> | undefined;
  /** Something changed after the report in flight was made. */
  #hasNews = false;
  #failed = false;
  #state: 'idle' | 'started' | 'stopped' = 'idle';

  constructor(options: HeartbeatSenderOptions) {
    this.#options = options;
    this.#intervalMs = options.intervalMs;
  }

  /** Reports at once, then regularly; also again after a rejection. */
  start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'started';
    this.#schedule(0);
  }

  /** Something worth reporting has changed. */
  nudge(): void {
    this.#hasNews = true;
    // A server that does not answer is not asked more often because of news.
    if (!this.#failed) this.#schedule(coalesceMs);
  }

  /** The server was heard of: what waits for it need not wait any longer. */
  wake(): void {
    if (this.#failed) this.#schedule(0);
  }

  /** The interval that desired state asks for. */
  follow(intervalMs: number): void {
    if (intervalMs <= 0 || intervalMs === this.#intervalMs) return;
    this.#intervalMs = intervalMs;
    if (!this.#failed) this.#schedule(intervalMs);
  }

  /** Ends reporting, after one last report if the server takes it within the given time. */
  async stop(lastReportMs: number): Promise<void> {
    if (this.#state !== 'started') return;
    this.#state = 'stopped';
    clearTimeout(this.#timer);
    const last = (this.#sending ?? Promise.resolve()).then(() => this.#exchange());
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, lastReportMs);
    await Promise.race([last.catch(() => undefined), promise]);
    clearTimeout(timer);
  }

  #schedule(inMs: number): void {
    if (this.#state !== 'started' || this.#sending !== undefined) return;
    const at = performance.now() + inMs;
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#send(), inMs);
  }

  #send(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#sending = this.#exchange()
      .then(
        () => this.#succeeded(),
        (error: unknown) => this.#afterFailure(error),
      )
      .then((nextInMs) => {
        this.#sending = undefined;
        if (nextInMs !== undefined) this.#schedule(nextInMs);
      });
  }

  async #exchange(): Promise<void> {
    if (this.#unacknowledged === undefined) {
      this.#hasNews = false;
      const report = this.#options.report();
      this.#unacknowledged = { bootId: this.#options.bootId, sequence: ++this.#sequence, ...report };
    }
    const answer = await this.#options.send(this.#unacknowledged);
    this.#unacknowledged = undefined;
    this.#intervalMs = answer.heartbeatIntervalMs;
    this.#options.onAnswer(answer);
  }

  #succeeded(): number {
    const repeated = this.#failed;
    this.#failed = false;
    this.#backOff.reset();
    // What was repeated was made before the outage: the present follows at once.
    return repeated ? 0 : this.#hasNews ? coalesceMs : this.#intervalMs;
  }

  #afterFailure(error: unknown): number | undefined {
    if (!this.#failed) this.#options.onUnanswered(error);
    this.#failed = true;
    if (
      isHotSwapError(error, 'HS_AGENT_SERVER_REFUSED') &&
      error.details['status'] !== 401 &&
      error.details['status'] !== 403
    ) {
      this.#unacknowledged = undefined;
      this.#options.onRefused(error);
    } else if (isHotSwapError(error, 'HS_AGENT_SERVER_REFUSED') || isHotSwapError(error, 'HS_AGENT_SUPERSEDED')) {
      if (this.#state === 'started') this.#state = 'idle';
      this.#options.onRejected(error);
      return undefined;
    }
    return this.#backOff.next();
  }
}
