import { randomUUID } from 'node:crypto';
import { statement, type Session } from '../database/session.ts';
import { hashToken, newToken } from './token-hash.ts';

/** Somebody or something that may call the API. @public */
export interface CredentialRecord {
  readonly tenant: string;
  readonly credentialId: string;
  /** Who acts, as journals name it. */
  readonly subject: string;
  readonly role: string;
  readonly tier: string | null;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

/** A credential to be made. @public */
export interface NewCredential {
  readonly tenant: string;
  /** Default: a new one. */
  readonly credentialId?: string;
  readonly subject: string;
  readonly role: string;
  readonly tier?: string;
  /** Default: until it is revoked. */
  readonly expiresInMs?: number;
}

const columns = `tenant, credential_id as "credentialId", subject, role, tier, (extract(epoch from created_at) * 1000)::float8 as "createdAt",
  (extract(epoch from expires_at) * 1000)::float8 as "expiresAt"`;

/** An id that is there gets another token: the old one ends. */
const upsert = statement(
  'credential_upsert',
  `
insert into credentials (tenant, credential_id, subject, role, tier, token_hash, expires_at)
values ($1, $2, $3, $4, $5, $6, clock_timestamp() + $7::float8 * interval '1 millisecond')
on conflict (tenant, credential_id) do update set subject = excluded.subject, role = excluded.role, tier = excluded.tier,
  token_hash = excluded.token_hash, expires_at = excluded.expires_at, revoked_at = null
returning ${columns}`,
  ([tenant, credentialId, subject, role]) => ({
    tenant: String(tenant),
    action: 'credential.put',
    object: String(credentialId),
    facts: { subject: String(subject), role: String(role) },
  }),
);

const valid = `revoked_at is null and (expires_at is null or expires_at > clock_timestamp())`;
const read = statement('credential_read', `select ${columns} from credentials where token_hash = $1 and ${valid}`);
const list = statement(
  'credential_list',
  `select ${columns} from credentials where tenant = $1 and ${valid} order by created_at, credential_id`,
);
const revoke = statement(
  'credential_revoke',
  `
update credentials set revoked_at = clock_timestamp() where tenant = $1 and credential_id = $2 and revoked_at is null`,
  ([tenant, credentialId]) => ({ tenant: String(tenant), action: 'credential.revoke', object: String(credentialId) }),
);

/**
 * Credentials of people and programs. Secrets are kept as hashes only.
 * @public
 */
export class CredentialRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Makes a credential with a secret that cannot be read again, or gives an existing id a new one. */
  async create(credential: NewCredential): Promise<{ readonly token: string; readonly credential: CredentialRecord }> {
    const token = newToken('hs');
    return { token, credential: await this.put(credential, token) };
  }

  /** The same with a secret that the caller has chosen: 256 random bits, please. */
  async put(credential: NewCredential, token: string): Promise<CredentialRecord> {
    const { tenant, credentialId = randomUUID(), subject, role, tier = null, expiresInMs = null } = credential;
    const [row] = await this.#session.query<CredentialRecord>(upsert, [
      tenant,
      credentialId,
      subject,
      role,
      tier,
      hashToken(token),
      expiresInMs,
    ]);
    return row as CredentialRecord;
  }

  /** Whose token it is; `null` when it is nobody's, expired or revoked. */
  async authenticate(token: string): Promise<CredentialRecord | null> {
    const [row] = await this.#session.query<CredentialRecord>(read, [hashToken(token)]);
    return row ?? null;
  }

  /** Valid credentials, the oldest first. */
  async list(tenant: string): Promise<readonly CredentialRecord[]> {
    return this.#session.query<CredentialRecord>(list, [tenant]);
  }

  /** `false` when there is no such credential any more. */
  async revoke(tenant: string, credentialId: string): Promise<boolean> {
    return (await this.#session.execute(revoke, [tenant, credentialId])) > 0;
  }
}
