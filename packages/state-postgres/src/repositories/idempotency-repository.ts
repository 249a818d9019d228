import { randomUUID } from 'node:crypto';
import type { Json } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';

/** Whose request it is and which. @public */
export interface IdempotentRequest {
  readonly tenant: string;
  readonly principal: string;
  readonly key: string;
  /** Hash over method, path and body. */
  readonly requestHash: string;
}

/** What a server may do with a request that has an idempotency key. @public */
export type IdempotencyStart =
  /** Carry it out and `renew` meanwhile, then `complete` (or `abandon`) with this owner. */
  | { readonly kind: 'started'; readonly owner: string }
  /** It has been carried out: answer the same. */
  | { readonly kind: 'answered'; readonly answer: Json }
  /** It is being carried out by another request. */
  | { readonly kind: 'running' }
  /** The key belongs to a request with another content. */
  | { readonly kind: 'mismatch' };

/** Answers are kept for a day. A request whose server died, and so renews no more, may be tried again after a minute. */
const keepMs = 86_400_000;
const leaseMs = 60_000;

const begin = statement(
  'idempotency_begin',
  `
insert into idempotency_keys as i (tenant, principal, idempotency_key, request_hash, owner, running_until, expires_at)
values ($1, $2, $3, $4, $5, clock_timestamp() + $6::float8 * interval '1 millisecond', clock_timestamp() + $7::float8 * interval '1 millisecond')
on conflict (tenant, principal, idempotency_key) do update
set request_hash = excluded.request_hash, owner = excluded.owner, running_until = excluded.running_until, answer = null, expires_at = excluded.expires_at
where i.expires_at < clock_timestamp() or (i.answer is null and i.running_until < clock_timestamp() and i.request_hash = excluded.request_hash)
returning 1`,
);

const read = statement(
  'idempotency_read',
  `
select request_hash as "requestHash", answer from idempotency_keys where tenant = $1 and principal = $2 and idempotency_key = $3`,
);

const renew = statement(
  'idempotency_renew',
  `
update idempotency_keys set running_until = clock_timestamp() + $5::float8 * interval '1 millisecond'
where tenant = $1 and principal = $2 and idempotency_key = $3 and owner = $4 and answer is null`,
);

const finish = statement(
  'idempotency_finish',
  `
update idempotency_keys set answer = $5 where tenant = $1 and principal = $2 and idempotency_key = $3 and owner = $4`,
);

const drop = statement(
  'idempotency_drop',
  `
delete from idempotency_keys where tenant = $1 and principal = $2 and idempotency_key = $3 and owner = $4 and answer is null`,
);

const deleteExpired = statement(
  'idempotency_delete_expired',
  `delete from idempotency_keys where expires_at < clock_timestamp()`,
);

/**
 * Makes repeated requests harmless: the same key and content yield the stored answer for 24 hours.
 * @public
 */
export class IdempotencyRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Claims the key, or says why not. */
  async begin(request: IdempotentRequest): Promise<IdempotencyStart> {
    const { tenant, principal, key, requestHash } = request;
    const owner = randomUUID();
    const started = await this.#session.query(begin, [tenant, principal, key, requestHash, owner, leaseMs, keepMs]);
    if (started.length > 0) return { kind: 'started', owner };
    const [known] = await this.#session.query<{ requestHash: string; answer: Json }>(read, [tenant, principal, key]);
    if (known && known.requestHash !== requestHash) return { kind: 'mismatch' };
    return known && known.answer !== null ? { kind: 'answered', answer: known.answer } : { kind: 'running' };
  }

  /**
   * Makes the claim last for another minute from now: to be called more often than that while the request is carried out.
   * `false` when it is no longer this owner's, or answered.
   */
  async renew(request: IdempotentRequest, owner: string): Promise<boolean> {
    const { tenant, principal, key } = request;
    return (await this.#session.execute(renew, [tenant, principal, key, owner, leaseMs])) > 0;
  }

  /** Stores the answer (not `null`) for repeats. Nothing happens when the claim was lost meanwhile. */
  async complete(request: IdempotentRequest, owner: string, answer: Exclude<Json, null>): Promise<void> {
    await this.#session.execute(finish, [
      request.tenant,
      request.principal,
      request.key,
      owner,
      JSON.stringify(answer),
    ]);
  }

  /** Gives the key back: the request failed in a way that a repeat may cure. */
  async abandon(request: IdempotentRequest, owner: string): Promise<void> {
    await this.#session.execute(drop, [request.tenant, request.principal, request.key, owner]);
  }

  /** Forgets keys whose day is over; returns their number. */
  async deleteExpired(): Promise<number> {
    return this.#session.execute(deleteExpired);
  }
}
