import { statement, type Session } from '../database/session.ts';
import { readPageByOrdinal, type Page, type PageQuery } from './page.ts';

/** A key of a program. @public */
export interface ApiKeyRecord {
  readonly tenant: string;
  /** Part of the key that is no secret. */
  readonly keyId: string;
  readonly name: string;
  /** Who made it; acts with the key are this one's. */
  readonly owner: string;
  readonly role: string;
  readonly tier: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  /** To the hour; `null` when it never was. */
  readonly lastUsedAt: number | null;
}

/** A key to be made. @public */
export interface NewApiKey {
  readonly tenant: string;
  readonly keyId: string;
  readonly name: string;
  readonly owner: string;
  readonly role: string;
  readonly tier: string;
  readonly secretHash: string;
  /** Absent: until it is revoked. */
  readonly expiresInMs?: number | undefined;
}

/** A key as it is looked up, with what its owner may do by now. @public */
export interface KnownApiKey extends ApiKeyRecord {
  readonly secretHash: string;
  /** `null` when the owner is no user who logs in. */
  readonly ownerRole: string | null;
  readonly isOwnerEnabled: boolean;
}

const columns = `k.tenant, k.key_id as "keyId", k.name, k.owner, k.role, k.tier,
  (extract(epoch from k.created_at) * 1000)::float8 as "createdAt", (extract(epoch from k.expires_at) * 1000)::float8 as "expiresAt",
  (extract(epoch from k.last_used_at) * 1000)::float8 as "lastUsedAt"`;
const valid = `k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())`;

const insert = statement(
  'api_key_insert',
  `
insert into api_keys as k (tenant, key_id, name, owner, role, tier, secret_hash, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + $8::float8 * interval '1 millisecond') returning ${columns}`,
  ([tenant, keyId, name, owner, role, tier]) => ({
    tenant: String(tenant),
    action: 'key.create',
    object: String(keyId),
    facts: { name: String(name), owner: String(owner), role: String(role), tier: String(tier) },
  }),
);
/** Names are unique over all tenants, and a key may be for another one than its owner's. */
const read = statement(
  'api_key_read',
  `
select ${columns}, k.secret_hash as "secretHash", u.role as "ownerRole", coalesce(u.is_enabled, true) as "isOwnerEnabled"
from api_keys k left join users u on u.username = k.owner where k.key_id = $1 and ${valid}`,
);
const touch = statement(
  'api_key_touch',
  `
update api_keys set last_used_at = clock_timestamp()
where key_id = $1 and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 hour')`,
);
const list = statement(
  'api_key_list',
  `
select k.ordinal::float8 as ordinal, ${columns} from api_keys k
where k.tenant = $1 and ($2::text is null or k.owner = $2) and ($3::bigint is null or k.ordinal > $3::bigint) and ${valid}
order by k.ordinal limit $4`,
);
const revoke = statement(
  'api_key_revoke',
  `
with revoked as (
  update api_keys k set revoked_at = clock_timestamp()
  where k.tenant = $1 and k.key_id = $2 and ($3::text is null or k.owner = $3) and ${valid} returning k.key_id)
select key_id, pg_notify('hotswap_changes', json_build_object('topic', 'access')::text) as told from revoked`,
  ([tenant, keyId]) => ({ tenant: String(tenant), action: 'key.revoke', object: String(keyId) }),
);

/**
 * Keys of programs. Of the secret a keyed hash is kept, which the caller makes.
 * @public
 */
export class ApiKeyRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async create(key: NewApiKey): Promise<ApiKeyRecord> {
    const { tenant, keyId, name, owner, role, tier, secretHash, expiresInMs = null } = key;
    const values = [tenant, keyId, name, owner, role, tier, secretHash, expiresInMs];
    const [row] = await this.#session.query<ApiKeyRecord>(insert, values);
    return row as ApiKeyRecord;
  }

  /** A valid key by its open part, over all tenants. */
  async find(keyId: string): Promise<KnownApiKey | null> {
    const [row] = await this.#session.query<KnownApiKey>(read, [keyId]);
    return row ?? null;
  }

  /** Remembers that the key is in use, once an hour. */
  async touch(keyId: string): Promise<void> {
    await this.#session.execute(touch, [keyId]);
  }

  /** Valid keys, the oldest first; of one owner, or of all. */
  async list(tenant: string, owner: string | null, query: PageQuery = {}): Promise<Page<ApiKeyRecord>> {
    return readPageByOrdinal(this.#session, list, [tenant, owner], query, (key: ApiKeyRecord) => key);
  }

  /** Ends a key; `owner` `null`: whoever's it is. `false` when there is none such. */
  async revoke(tenant: string, keyId: string, owner: string | null): Promise<boolean> {
    return (await this.#session.query(revoke, [tenant, keyId, owner])).length > 0;
  }
}
