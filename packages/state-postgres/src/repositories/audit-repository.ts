import type { AuditAct, AuditHead } from '@hotswap/core';
import { emptyAudit } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';

const readHead = statement('audit_head', `select seq::float8 as seq, hash from audit_heads where tenant = $1`);

const readPage = statement(
  'audit_list',
  `
select act from audit_acts
where tenant = $1 and seq > $2::bigint and ($3::text is null or actor = $3) and ($4::text is null or action = $4) and ($5::text is null or object = $5)
order by seq limit $6`,
);

const readLatest = statement(
  'audit_latest',
  `
select act from audit_acts
where tenant = $1 and seq < $2::bigint and ($3::text is null or actor = $3) and ($4::text is null or action = $4) and ($5::text is null or object = $5)
order by seq desc limit $6`,
);

/** Which acts to read. @public */
export interface AuditQuery {
  /** Most acts. */
  readonly limit: number;
  /** Number of the act that the page begins behind, in the direction of `newestFirst`. Absent: from the first. */
  readonly after?: number | undefined;
  /** Default `false`: in the order in which they happened. */
  readonly newestFirst?: boolean | undefined;
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly object?: string | undefined;
}

/**
 * What is on record of changes. Written by the sessions themselves, with each change.
 * @public
 */
export class AuditRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Number and hash of the tenant's last act. */
  async head(tenant: string): Promise<AuditHead> {
    const [row] = await this.#session.query<AuditHead>(readHead, [tenant]);
    return row ?? emptyAudit;
  }

  async list(tenant: string, query: AuditQuery): Promise<readonly AuditAct[]> {
    const { limit, newestFirst = false, actor = null, action = null, object = null } = query;
    const after = query.after ?? (newestFirst ? Number.MAX_SAFE_INTEGER : -1);
    const values = [tenant, after, actor, action, object, limit];
    const rows = await this.#session.query<{ act: AuditAct }>(newestFirst ? readLatest : readPage, values);
    return rows.map(({ act }) => act);
  }
}
