import { statement, type Session } from '../database/session.ts';
import { stateError } from '../error-codes.ts';
import { readPageByOrdinal, type Page, type PageQuery } from './page.ts';

/** Somebody who logs in with a password. @public */
export interface UserRecord {
  readonly tenant: string;
  readonly userId: string;
  /** In lower case; unique over all tenants. */
  readonly username: string;
  readonly role: string;
  /** `null`: no quota of a tier holds. */
  readonly tier: string | null;
  readonly passwordHash: string;
  readonly isEnabled: boolean;
  /** Sessions that began in an earlier one have ended. */
  readonly sessionEpoch: number;
  readonly revision: number;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly lastLoginAt: number | null;
}

/** A user to be made. @public */
export interface NewUser {
  readonly tenant: string;
  readonly userId: string;
  readonly username: string;
  readonly role: string;
  readonly tier: string | null;
  readonly passwordHash: string;
  readonly createdBy: string;
}

/** What is to become different; what is absent stays. @public */
export interface UserChanges {
  readonly role?: string | undefined;
  readonly tier?: string | null | undefined;
  readonly isEnabled?: boolean | undefined;
  readonly passwordHash?: string | undefined;
}

const columns = `tenant, user_id as "userId", username, role, tier, password_hash as "passwordHash", is_enabled as "isEnabled",
  session_epoch as "sessionEpoch", revision, created_by as "createdBy",
  (extract(epoch from created_at) * 1000)::float8 as "createdAt", (extract(epoch from last_login_at) * 1000)::float8 as "lastLoginAt"`;

const insert = statement(
  'user_insert',
  `
insert into users (tenant, user_id, username, role, tier, password_hash, created_by) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (username) do nothing returning ${columns}`,
  ([tenant, , username, role, tier]) => ({
    tenant: String(tenant),
    action: 'user.create',
    object: String(username),
    facts: { role: String(role), tier: tier as string | null },
  }),
);

/** Whoever has another role, another password or is locked out has to log in again. */
const update = statement(
  'user_update',
  `
with changed as (
  update users set role = coalesce($4, role), tier = case when $5 then $6 else tier end, is_enabled = coalesce($7, is_enabled),
    password_hash = coalesce($8, password_hash), revision = revision + 1,
    session_epoch = session_epoch + case when coalesce($4, role) <> role or coalesce($7, is_enabled) <> is_enabled or $8 is not null
      or ($5 and $6 is distinct from tier) then 1 else 0 end
  where tenant = $1 and user_id = $2 and revision = $3 returning ${columns})
select changed.*, pg_notify('hotswap_changes', json_build_object('topic', 'access')::text) as told from changed`,
  ([tenant, userId, , role, changesTier, tier, isEnabled, passwordHash]) => ({
    tenant: String(tenant),
    action: 'user.change',
    object: String(userId),
    facts: {
      ...(role === null ? {} : { role: role as string }),
      ...(changesTier === true ? { tier: tier as string | null } : {}),
      ...(isEnabled === null ? {} : { isEnabled: isEnabled as boolean }),
      ...(passwordHash === null ? {} : { password: 'changed' }),
    },
  }),
);

const endSessions = statement(
  'user_end_sessions',
  `
with changed as (update users set session_epoch = session_epoch + 1 where tenant = $1 and user_id = $2 returning user_id)
select user_id, pg_notify('hotswap_changes', json_build_object('topic', 'access')::text) as told from changed`,
  ([tenant, userId]) => ({ tenant: String(tenant), action: 'auth.logoutEverywhere', object: String(userId) }),
);

/** The last value only goes on record. */
const noteLogin = statement(
  'user_note_login',
  `update users set last_login_at = clock_timestamp() where tenant = $1 and user_id = $2 and $3::text is not null and $4::text is not null`,
  ([tenant, , username, address]) => ({
    tenant: String(tenant),
    action: 'auth.login',
    object: String(username),
    facts: { address: String(address) },
    actor: String(username),
  }),
);

const readByName = statement('user_by_name', `select ${columns} from users where username = $1`);
const read = statement('user_read', `select ${columns} from users where tenant = $1 and user_id = $2`);
const readPage = statement(
  'user_list',
  `
select ordinal::float8 as ordinal, ${columns} from users
where tenant = $1 and ($2::bigint is null or ordinal > $2::bigint) order by ordinal limit $3`,
);

const readSession = statement(
  'user_session',
  `
select ${columns}, exists (select from ended_sessions where session_id = $2) as "isEnded" from users where user_id = $1`,
);

const endSession = statement(
  'session_end',
  `
with ended as (
  insert into ended_sessions (session_id, expires_at)
  select $1, to_timestamp($2::float8 / 1000) where $3::text is not null and $4::text is not null
  on conflict (session_id) do nothing returning session_id)
select session_id, pg_notify('hotswap_changes', json_build_object('topic', 'access')::text) as told from ended`,
  ([, , tenant, username]) => ({ tenant: String(tenant), action: 'auth.logout', object: String(username) }),
);

const forgetSessions = statement(
  'session_forget',
  `delete from ended_sessions where expires_at < clock_timestamp() - interval '5 minutes'`,
);

/**
 * People who log in, and which of their sessions have ended before their time.
 * @public
 */
export class UserRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** @throws HS_AUTH_USER_EXISTS */
  async create(user: NewUser): Promise<UserRecord> {
    const { tenant, userId, username, role, tier, passwordHash, createdBy } = user;
    const values = [tenant, userId, username, role, tier, passwordHash, createdBy];
    const [row] = await this.#session.query<UserRecord>(insert, values);
    if (!row) throw stateError('HS_AUTH_USER_EXISTS', { username });
    return row;
  }

  /** `null` when it is not there, or no longer at that revision. */
  async change(tenant: string, userId: string, revision: number, changes: UserChanges): Promise<UserRecord | null> {
    const { role = null, tier, isEnabled = null, passwordHash = null } = changes;
    const [row] = await this.#session.query<UserRecord & { told?: unknown }>(update, [
      tenant,
      userId,
      revision,
      role,
      tier !== undefined,
      tier ?? null,
      isEnabled,
      passwordHash,
    ]);
    if (!row) return null;
    const { told: _told, ...record } = row;
    return record;
  }

  async find(tenant: string, userId: string): Promise<UserRecord | null> {
    const [row] = await this.#session.query<UserRecord>(read, [tenant, userId]);
    return row ?? null;
  }

  /** Over all tenants. */
  async findByName(username: string): Promise<UserRecord | null> {
    const [row] = await this.#session.query<UserRecord>(readByName, [username]);
    return row ?? null;
  }

  /** Whose session it is; `isEnded` when it was left before its time. */
  async findSession(userId: string, sessionId: string): Promise<(UserRecord & { readonly isEnded: boolean }) | null> {
    const [row] = await this.#session.query<UserRecord & { isEnded: boolean }>(readSession, [userId, sessionId]);
    return row ?? null;
  }

  /** The oldest first. */
  async list(tenant: string, query: PageQuery = {}): Promise<Page<UserRecord>> {
    return readPageByOrdinal(this.#session, readPage, [tenant], query, (user: UserRecord) => user);
  }

  /** Puts a login on record. */
  async noteLogin(user: UserRecord, address: string): Promise<void> {
    await this.#session.execute(noteLogin, [user.tenant, user.userId, user.username, address]);
  }

  /** Ends one session; all servers hear of it. */
  async endSession(
    sessionId: string,
    expiresAt: number,
    user: { readonly tenant: string; readonly username: string },
  ): Promise<void> {
    await this.#session.query(endSession, [sessionId, expiresAt, user.tenant, user.username]);
  }

  /** Ends all sessions of a user. */
  async endSessions(tenant: string, userId: string): Promise<void> {
    await this.#session.query(endSessions, [tenant, userId]);
  }

  /** Forgets sessions that would have ended by now anyway. */
  async forgetSessions(): Promise<number> {
    return this.#session.execute(forgetSessions);
  }
}
