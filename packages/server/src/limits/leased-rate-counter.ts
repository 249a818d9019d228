import type { RateCounter, RateGrant, RateQuestion } from '@hotswap/core';
import type { MemoryRateCounter } from './memory-rate-counter.ts';

/** Of a limit as much is fetched at once, so that one in so many requests waits for whoever counts. */
const leaseShare = 100;
/** Of what remains as much: towards the end one by one, so that several servers share it to the last. */
const remainderShare = 10;
/** For that long nobody is asked again after an answer that did not come. */
const restMs = 1_000;
/** For that long a refusal is believed. */
const refusedMs = 250;
const maxKept = 50_000;

interface Lease {
  left: number;
  remaining: number;
  endsAt: number;
  refusedUntil: number;
  retryAt: number;
}

/** @internal */
export interface LeasedRateCounterOptions {
  /** Counts for all servers. */
  readonly shared: RateCounter;
  /** Counts here while nobody else can. */
  readonly local: MemoryRateCounter;
  /** An answer that takes longer counts as none. */
  readonly patienceMs: number;
  /** Told once when answers stop coming, and once when they come again. */
  readonly onChange: (isAnswering: boolean, error?: unknown) => void;
  /** Takes back what was fetched and not used. Absent: it is lost when its window ends. */
  readonly giveBack?: (key: string, amount: number) => Promise<void>;
}

/**
 * Makes a counter that is far away cheap: fetches a part of the limit at a time and hands it out here. While there is no
 * answer it counts by itself, so that no request fails or waits for it. A request that a server has fetched the right for is
 * not there for others: of a limit up to a hundredth may stay unused per server, and it is never exceeded.
 * @internal
 */
export class LeasedRateCounter implements RateCounter {
  readonly #options: LeasedRateCounterOptions;
  readonly #leases = new Map<string, Lease>();
  readonly #asking = new Map<string, Promise<void>>();
  #silentUntil = 0;
  #isAnswering = true;

  constructor(options: LeasedRateCounterOptions) {
    this.#options = options;
  }

  /** Whether answers come. */
  get isAnswering(): boolean {
    return this.#isAnswering;
  }

  take(question: RateQuestion): RateGrant | Promise<RateGrant> {
    return this.#takeHere(question) ?? this.#takeAfterAsking(question);
  }

  /** Gives back what is left of all leases. */
  async close(): Promise<void> {
    const { giveBack } = this.#options;
    const now = Date.now();
    const unused = [...this.#leases].filter(([, lease]) => lease.left > 0 && lease.endsAt > now);
    this.#leases.clear();
    if (giveBack) await Promise.allSettled(unused.map(([key, { left }]) => giveBack(key, left)));
  }

  /** From the lease, by a fresh refusal, or by counting here; `undefined` when somebody has to be asked. */
  #takeHere(question: RateQuestion): RateGrant | undefined {
    const now = Date.now();
    const lease = this.#leases.get(question.key);
    if (lease !== undefined && lease.endsAt > now) {
      if (lease.left >= question.amount) {
        lease.left -= question.amount;
        return granted(question.amount, lease, now);
      }
      if (lease.refusedUntil > now) return granted(0, lease, now);
    }
    return now < this.#silentUntil ? this.#options.local.take(question) : undefined;
  }

  async #takeAfterAsking(question: RateQuestion): Promise<RateGrant> {
    for (;;) {
      const { key } = question;
      let asking = this.#asking.get(key);
      if (asking === undefined) {
        asking = this.#fetch(question).finally(() => this.#asking.delete(key));
        this.#asking.set(key, asking);
      }
      await asking;
      const grant = this.#takeHere(question);
      if (grant !== undefined) return grant;
    }
  }

  async #fetch(question: RateQuestion): Promise<void> {
    const { key, limit, amount: wanted } = question;
    const known = this.#leases.get(key);
    const share = Math.min(Math.ceil(limit / leaseShare), Math.floor((known?.remaining ?? limit) / remainderShare));
    const amount = Math.max(wanted, share);
    try {
      const { granted: left, remaining, resetMs, retryAfterMs } = await this.#inTime({ ...question, amount });
      const now = Date.now();
      this.#heard();
      if (this.#leases.size >= maxKept) this.#leases.clear();
      const before = known !== undefined && known.endsAt > now ? known.left : 0;
      this.#leases.set(key, {
        ...{ left: left + before, remaining, endsAt: now + Math.max(1, resetMs), retryAt: now + retryAfterMs },
        refusedUntil: left > 0 ? 0 : now + Math.max(1, Math.min(retryAfterMs, refusedMs, resetMs)),
      });
    } catch (error) {
      this.#silentUntil = Date.now() + restMs;
      if (this.#isAnswering) this.#options.onChange((this.#isAnswering = false), error);
    }
  }

  #heard(): void {
    this.#silentUntil = 0;
    if (!this.#isAnswering) this.#options.onChange((this.#isAnswering = true));
  }

  async #inTime(question: RateQuestion): Promise<RateGrant> {
    const answer = this.#options.shared.take(question);
    if (!(answer instanceof Promise)) return answer;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new DOMException('no answer in time', 'TimeoutError')), this.#options.patienceMs);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function granted(amount: number, lease: Lease, now: number): RateGrant {
  return {
    granted: amount,
    remaining: lease.left + lease.remaining,
    resetMs: lease.endsAt - now,
    retryAfterMs: amount > 0 && lease.left + lease.remaining > 0 ? 0 : Math.max(1, lease.retryAt - now),
  };
}
