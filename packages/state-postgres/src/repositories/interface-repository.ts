import type { Json } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { toText } from '../database/to-jsonb.ts';
import { stateError } from '../error-codes.ts';
import { readPageByOrdinal, type Page, type PageQuery } from './page.ts';

/** Where a registered interface stands. @public */
export type InterfaceStatus = 'Approved' | 'PendingApproval' | 'Rejected' | 'Deprecated';

/** A version of a WIT package as it is registered. @public */
export interface InterfaceRecord {
  readonly tenant: string;
  /** `ns:name`. */
  readonly name: string;
  readonly version: string;
  readonly wit: string;
  readonly status: InterfaceStatus;
  /** Version that it was compared with; `null`: it was the first of its range. */
  readonly comparedWith: string | null;
  /** What changed since then. */
  readonly changes: readonly Json[];
  readonly createdBy: string;
  readonly createdAt: number;
  /** Who approved, rejected or deprecated it; `null`: nobody had to. */
  readonly decidedBy: string | null;
  readonly decidedAt: number | null;
  readonly reason: string | null;
  /** Grows with each decision. */
  readonly revision: number;
}

/** An interface before it is registered. @public */
export type NewInterface = Pick<
  InterfaceRecord,
  'tenant' | 'name' | 'version' | 'wit' | 'status' | 'comparedWith' | 'changes' | 'createdBy'
>;

/** A decision about one. @public */
export interface InterfaceDecision {
  readonly status: InterfaceStatus;
  /** Statuses in which it is possible. */
  readonly from: readonly InterfaceStatus[];
  readonly by: string;
  readonly reason: string | null;
  /** Revision that was looked at. Absent: whatever is there. */
  readonly seen?: number;
}

/** Somebody who says to depend on an interface. @public */
export interface InterfaceConsumer {
  readonly name: string;
  readonly version: string;
  readonly consumer: string;
  /** `interface#function`, or `interface`; empty: all of it. */
  readonly uses: readonly string[];
  readonly createdBy: string;
  readonly createdAt: number;
}

const columns = `tenant, name, version, wit, status, compared_with as "comparedWith", changes, created_by as "createdBy",
  (extract(epoch from created_at) * 1000)::float8 as "createdAt", decided_by as "decidedBy",
  (extract(epoch from decided_at) * 1000)::float8 as "decidedAt", reason, revision`;

/** What was rejected may be registered anew; everything else stays as it is. */
const insert = statement(
  'interface_insert',
  `
insert into interfaces as i (tenant, name, version, wit, status, compared_with, changes, created_by)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (name, version, tenant) do update
set wit = excluded.wit, status = excluded.status, compared_with = excluded.compared_with, changes = excluded.changes,
  created_by = excluded.created_by, created_at = clock_timestamp(), decided_by = null, decided_at = null, reason = null,
  revision = i.revision + 1
where i.status = 'Rejected' and i.wit <> excluded.wit
returning ${columns}`,
  ([tenant, name, version, , status]) => ({
    tenant: String(tenant),
    action: 'interface.register',
    object: `${String(name)}@${String(version)}`,
    facts: { status: String(status) },
  }),
);

const read = statement(
  'interface_read',
  `select ${columns} from interfaces where tenant = $1 and name = $2 and version = $3`,
);
const readVersions = statement(
  'interface_versions',
  `select ${columns} from interfaces where tenant = $1 and name = $2 order by ordinal limit 1000`,
);
const readPage = statement(
  'interface_list',
  `
select ordinal::float8 as ordinal, ${columns} from interfaces
where tenant = $1 and ($2::text is null or status = $2) and ($3::bigint is null or ordinal < $3::bigint)
order by ordinal desc limit $4`,
);

const decide = statement(
  'interface_decide',
  `
update interfaces set status = $4, decided_by = $5, decided_at = clock_timestamp(), reason = $6, revision = revision + 1
where tenant = $1 and name = $2 and version = $3 and status = any($7::text[]) and ($8::integer is null or revision = $8)
returning ${columns}`,
  ([tenant, name, version, status, , reason]) => ({
    tenant: String(tenant),
    action: 'interface.decide',
    object: `${String(name)}@${String(version)}`,
    facts: { status: String(status), reason: reason as string | null },
  }),
);

const consumerColumns = `name, version, consumer, uses, created_by as "createdBy",
  (extract(epoch from created_at) * 1000)::float8 as "createdAt"`;
const putConsumer = statement(
  'interface_put_consumer',
  `
insert into interface_consumers (tenant, name, version, consumer, uses, created_by) values ($1, $2, $3, $4, $5, $6)
on conflict (name, version, consumer, tenant) do update set uses = excluded.uses, created_by = excluded.created_by
returning ${consumerColumns}`,
  ([tenant, name, version, consumer]) => ({
    tenant: String(tenant),
    action: 'interface.putConsumer',
    object: `${String(name)}@${String(version)}`,
    facts: { consumer: String(consumer) },
  }),
);
const removeConsumer = statement(
  'interface_remove_consumer',
  `delete from interface_consumers where tenant = $1 and name = $2 and version = $3 and consumer = $4`,
  ([tenant, name, version, consumer]) => ({
    tenant: String(tenant),
    action: 'interface.removeConsumer',
    object: `${String(name)}@${String(version)}`,
    facts: { consumer: String(consumer) },
  }),
);
const readConsumers = statement(
  'interface_consumers',
  `select ${consumerColumns} from interface_consumers where tenant = $1 and name = any($2::text[]) order by name, version, consumer limit 10000`,
);

/**
 * Registered interfaces and who says to depend on them.
 * @public
 */
export class InterfaceRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Registers a version. The same text again yields what is there (`created: false`); a rejected one may come back with
   * another text.
   * @throws HS_INTERFACE_EXISTS
   */
  async insert(each: NewInterface): Promise<{ readonly record: InterfaceRecord; readonly created: boolean }> {
    const { tenant, name, version } = each;
    const [created] = await this.#session.query<InterfaceRecord>(insert, [
      tenant,
      name,
      version,
      each.wit,
      each.status,
      each.comparedWith,
      JSON.stringify(each.changes),
      each.createdBy,
    ]);
    if (created) return { record: created, created: true };
    const existing = await this.get(tenant, name, version);
    if (existing.wit !== each.wit) throw stateError('HS_INTERFACE_EXISTS', { name, version });
    return { record: existing, created: false };
  }

  /** `null` when there is no such version. */
  async find(tenant: string, name: string, version: string): Promise<InterfaceRecord | null> {
    const [row] = await this.#session.query<InterfaceRecord>(read, [tenant, name, version]);
    return row ?? null;
  }

  /** @throws HS_INTERFACE_NOT_FOUND */
  async get(tenant: string, name: string, version: string): Promise<InterfaceRecord> {
    const found = await this.find(tenant, name, version);
    if (!found) throw stateError('HS_INTERFACE_NOT_FOUND', { name: `${name}@${version}` });
    return found;
  }

  /** All versions of a name, oldest registration first; empty when there is none. */
  async versions(tenant: string, name: string): Promise<readonly InterfaceRecord[]> {
    return this.#session.query<InterfaceRecord>(readVersions, [tenant, name]);
  }

  /** Newest first. @throws HS_STORE_INVALID_CURSOR */
  async list(
    tenant: string,
    query: PageQuery & { readonly status?: InterfaceStatus | undefined } = {},
  ): Promise<Page<InterfaceRecord>> {
    const filters = [tenant, query.status ?? null];
    return readPageByOrdinal(this.#session, readPage, filters, query, (record: InterfaceRecord) => record);
  }

  /**
   * @throws HS_INTERFACE_NOT_FOUND
   * @throws HS_STORE_STALE when it is at another revision than was `seen`
   * @throws HS_INTERFACE_DECISION_REFUSED when it stands where that is not possible
   */
  async decide(tenant: string, name: string, version: string, decision: InterfaceDecision): Promise<InterfaceRecord> {
    const { status, from, by, reason, seen } = decision;
    const [row] = await this.#session.query<InterfaceRecord>(decide, [
      tenant,
      name,
      version,
      status,
      by,
      reason === null ? null : toText(reason),
      from,
      seen ?? null,
    ]);
    if (row) return row;
    const existing = await this.get(tenant, name, version);
    if (seen !== undefined && seen !== existing.revision)
      throw stateError('HS_STORE_STALE', { what: `Interface ${name}@${version}` });
    throw stateError('HS_INTERFACE_DECISION_REFUSED', {
      name: `${name}@${version}`,
      status: existing.status,
      wanted: status,
    });
  }

  /** Declares a consumer, or changes what it uses. @throws HS_INTERFACE_NOT_FOUND */
  async putConsumer(tenant: string, consumer: Omit<InterfaceConsumer, 'createdAt'>): Promise<InterfaceConsumer> {
    const { name, version, uses, createdBy } = consumer;
    await this.get(tenant, name, version);
    const [row] = await this.#session.query<InterfaceConsumer>(putConsumer, [
      tenant,
      name,
      version,
      toText(consumer.consumer),
      JSON.stringify(uses.map(toText)),
      createdBy,
    ]);
    return row as InterfaceConsumer;
  }

  async removeConsumer(tenant: string, name: string, version: string, consumer: string): Promise<void> {
    await this.#session.execute(removeConsumer, [tenant, name, version, consumer]);
  }

  /** Consumers of any version of these names. */
  async consumers(tenant: string, names: readonly string[]): Promise<readonly InterfaceConsumer[]> {
    return names.length === 0 ? [] : this.#session.query<InterfaceConsumer>(readConsumers, [tenant, names]);
  }
}
