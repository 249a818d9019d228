import { statement, type Session } from '../database/session.ts';

/** What attempts are counted by: a name, or an address. @public */
export interface LoginSubject {
  /** Hash of the name or address. */
  readonly hash: string;
  /** Attempts that may fail before each further one has to wait. */
  readonly free: number;
}

const longestBlockSeconds = 300;

const blockedFor = statement(
  'login_blocked_for',
  `
select coalesce(max(extract(epoch from blocked_until - clock_timestamp()) * 1000), 0)::float8 as "blockedMs" from login_failures
where subject_hash = any($1::text[])`,
);

/** Counts the attempt before it is known to fail: a hundred at once must not all be free. An hour of peace forgets all. */
const attempt = statement(
  'login_attempt',
  `
insert into login_failures as f (subject_hash, failures, last_at, blocked_until)
select hash, 1, clock_timestamp(), clock_timestamp() from unnest($1::text[], $2::int[]) as subject(hash, free)
on conflict (subject_hash) do update set
  failures = case when f.last_at < clock_timestamp() - interval '1 hour' then 1 else f.failures + 1 end,
  last_at = clock_timestamp(),
  blocked_until = clock_timestamp() + interval '1 second' * case
    when f.last_at < clock_timestamp() - interval '1 hour' then 0
    else (select case when f.failures + 1 >= s.free then least(${longestBlockSeconds}, power(2, least(20, f.failures + 1 - s.free))) else 0 end
      from unnest($1::text[], $2::int[]) as s(hash, free) where s.hash = f.subject_hash) end
where f.blocked_until <= clock_timestamp()
returning subject_hash`,
);

const succeed = statement(
  'login_succeed',
  `
update login_failures set failures = case when subject_hash = $1 then 0 else greatest(0, failures - 1) end,
  blocked_until = clock_timestamp()
where subject_hash = $1 or subject_hash = $2`,
);

const recordFailure = statement(
  'login_record_failure',
  `select $1::text as tenant, $2::text as object, $3::text as address, $4::text as why`,
  ([tenant, object, address, why]) => ({
    tenant: String(tenant),
    action: 'auth.loginFailed',
    object: String(object),
    facts: { address: String(address), why: String(why) },
  }),
);

const forget = statement(
  'login_forget',
  `delete from login_failures where last_at < clock_timestamp() - interval '2 hours'`,
);

/**
 * Failed logins, by name and by address, over all servers of a database.
 * @public
 */
export class LoginFailureRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Counts an attempt; milliseconds to wait when it may not be made now, else 0. */
  async attempt(subjects: readonly LoginSubject[]): Promise<number> {
    const hashes = subjects.map(({ hash }) => hash);
    const [row] = await this.#session.query<{ blockedMs: number }>(blockedFor, [hashes]);
    const blockedMs = row?.blockedMs ?? 0;
    if (blockedMs > 0) return blockedMs;
    const counted = await this.#session.execute(attempt, [hashes, subjects.map(({ free }) => free)]);
    // Somebody else's attempt came in between.
    return counted === subjects.length ? 0 : 1_000;
  }

  /** Forgets the failures under a name, and takes the attempt back from the address. */
  async succeed(nameHash: string, addressHash: string): Promise<void> {
    await this.#session.execute(succeed, [nameHash, addressHash]);
  }

  /** Puts a failure on record. */
  async record(tenant: string, object: string, address: string, why: string): Promise<void> {
    await this.#session.query(recordFailure, [tenant, object, address, why]);
  }

  async forget(): Promise<number> {
    return this.#session.execute(forget);
  }
}
