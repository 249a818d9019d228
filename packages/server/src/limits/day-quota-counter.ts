import type { RateCounter, RateGrant, RateQuestion } from '@hotswap/core';
import type { DayQuotas } from '../ports/day-quotas.ts';

const separator = '\n';

/** Key of an owner's quota. @internal */
export function quotaKey(tenant: string, subject: string): string {
  return `${tenant}${separator}${subject}`;
}

/** Quotas per UTC day, which the database counts. A day's quota begins anew with the day, whatever the one before was. @internal */
export class DayQuotaCounter implements RateCounter {
  readonly #quotas: DayQuotas;
  /** Day that was last heard of by key; what is given back belongs to it. */
  readonly #days = new Map<string, string>();

  constructor(quotas: DayQuotas) {
    this.#quotas = quotas;
  }

  async take({ key, amount, limit }: RateQuestion): Promise<RateGrant> {
    const [tenant, subject] = read(key);
    const { granted, used, resetMs, day } = await this.#quotas.take(tenant, subject, amount, limit);
    this.#days.set(key, day);
    const remaining = Math.max(0, limit - used);
    return { granted, remaining, resetMs, retryAfterMs: granted > 0 || remaining > 0 ? 0 : resetMs };
  }

  async giveBack(key: string, amount: number): Promise<void> {
    const day = this.#days.get(key);
    const [tenant, subject] = read(key);
    if (day !== undefined) await this.#quotas.giveBack(tenant, subject, day, amount);
  }
}

function read(key: string): readonly [tenant: string, subject: string] {
  const at = key.indexOf(separator);
  return [key.slice(0, at), key.slice(at + 1)];
}
