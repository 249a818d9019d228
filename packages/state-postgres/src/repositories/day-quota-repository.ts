import { statement, type Session } from '../database/session.ts';

/** What a question for a part of a day's quota came to. @public */
export interface DayGrant {
  /** At most what was asked for. */
  readonly granted: number;
  /** Of all servers together, this grant included. */
  readonly used: number;
  /** UTC day, `2026-11-21`. */
  readonly day: string;
  /** Until the next day begins. */
  readonly resetMs: number;
}

const today = `(clock_timestamp() at time zone 'utc')::date`;
const take = statement(
  'day_quota_take',
  `
insert into day_quotas as q (tenant, subject, day, used, granted)
values ($1, $2, ${today}, least($3::bigint, $4::bigint), least($3::bigint, $4::bigint))
on conflict (subject, day, tenant) do update set
  used = q.used + greatest(0, least($3::bigint, $4::bigint - q.used)),
  granted = greatest(0, least($3::bigint, $4::bigint - q.used))
returning granted::float8 as granted, used::float8 as used, day::text as day,
  (extract(epoch from (day + 1)::timestamp - (clock_timestamp() at time zone 'utc')) * 1000)::float8 as "resetMs"`,
);
const giveBack = statement(
  'day_quota_give_back',
  `update day_quotas set used = greatest(0, used - $4::bigint) where tenant = $1 and subject = $2 and day = $3::date`,
);
const forget = statement('day_quota_forget', `delete from day_quotas where day < ${today} - 40`);

/**
 * What was used of quotas per UTC day, over all servers of a database.
 * @public
 */
export class DayQuotaRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Takes up to `amount` of what is left of the limit today. */
  async take(tenant: string, subject: string, amount: number, limit: number): Promise<DayGrant> {
    const [row] = await this.#session.query<DayGrant>(take, [tenant, subject, amount, limit]);
    return row as DayGrant;
  }

  /** Gives back what was taken and not used. */
  async giveBack(tenant: string, subject: string, day: string, amount: number): Promise<void> {
    await this.#session.execute(giveBack, [tenant, subject, day, amount]);
  }

  /** Forgets days that nobody asks about any more. */
  async forget(): Promise<number> {
    return this.#session.execute(forget);
  }
}
