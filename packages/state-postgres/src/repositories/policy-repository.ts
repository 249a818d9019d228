import type { Json, Policy, PolicyChange, PolicyStore, StoredPolicy } from '@hotswap/core';
import { statement, type Session, type Statement } from '../database/session.ts';

const columns = 'revision, policy';

/** The last value only goes on record. */
const act: Statement['act'] = ([tenant, revision, , changes]) => ({
  tenant: String(tenant),
  action: 'policy.change',
  object: 'policy',
  facts: { revision: Number(revision) + 1, changes: JSON.parse(String(changes)) as Json },
});

const insert = statement(
  'policy_insert',
  `
insert into policies (tenant, revision, policy) select $1, $2::integer + 1, $3::json where $4::text is not null
on conflict (tenant) do nothing returning ${columns}`,
  act,
);

const update = statement(
  'policy_update',
  `
update policies set policy = $3::json, revision = revision + 1, changed_at = clock_timestamp()
where tenant = $1 and revision = $2 and $4::text is not null returning ${columns}`,
  act,
);

const read = statement('policy_read', `select ${columns} from policies where tenant = $1`);

/**
 * What tenants have laid down for their deployments. A change goes on record with each rule as it was and as it is.
 * @public
 */
export class PolicyRepository implements PolicyStore {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async find(tenant: string): Promise<StoredPolicy | null> {
    const [row] = await this.#session.query<StoredPolicy>(read, [tenant]);
    return row ?? null;
  }

  async replace(
    tenant: string,
    revision: number,
    policy: Policy,
    changes: readonly PolicyChange[],
  ): Promise<StoredPolicy | null> {
    const values = [tenant, revision, JSON.stringify(policy), JSON.stringify(changes)];
    const [row] = await this.#session.query<StoredPolicy>(revision === 0 ? insert : update, values);
    return row ?? null;
  }
}
