import type { DeploymentStatus } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { stateError } from '../error-codes.ts';
import { holdingStatuses } from '../queries/deployment-statuses.ts';
import { readPageByOrdinal, type Page, type PageQuery } from './page.ts';

/** One module version of a train. @public */
export interface TrainMemberRecord {
  readonly deploymentId: string;
  readonly moduleId: string;
  readonly moduleName: string;
  /** Members that go first, each with what it gives this one. */
  readonly after: readonly { readonly moduleId: string; readonly through: string }[];
}

/** Several deployments that go one after the other, and back together. @public */
export interface TrainRecord {
  readonly tenant: string;
  readonly trainId: string;
  readonly author: string;
  readonly intent: 'assemble' | 'wait' | 'forward' | 'back';
  readonly status: DeploymentStatus;
  /** In the order in which they go. */
  readonly members: readonly TrainMemberRecord[];
  readonly order: 'interfaces' | 'given';
  /** In whose name its deployments are told what to do. */
  readonly actor: string;
  readonly reason: string | null;
  /** How it ends once everything is back. */
  readonly backEnd: 'RolledBack' | 'Cancelled';
  /** Rises with each change. */
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

type Content = Pick<TrainRecord, 'members' | 'order' | 'actor' | 'reason' | 'backEnd'>;
type Row = Omit<TrainRecord, keyof Content> & { readonly content: Content; readonly ordinal: number };

const columns = `tenant, train_id as "trainId", author, intent, status, revision, content, ordinal::float8 as ordinal,
  (extract(epoch from created_at) * 1000)::float8 as "createdAt", (extract(epoch from updated_at) * 1000)::float8 as "updatedAt"`;

const insert = statement(
  'train_insert',
  `
insert into trains (tenant, train_id, author, intent, status, content) values ($1, $2, $3, $4, $5, $6)
on conflict (train_id) do nothing`,
  ([tenant, trainId, , , , content]) => ({
    tenant: String(tenant),
    action: 'train.create',
    object: String(trainId),
    facts: { modules: (JSON.parse(String(content)) as Content).members.map(({ moduleId }) => moduleId) },
  }),
);

/** What a train does by itself, as its members have it; everything else somebody asks for. */
const ownAction = 'train.turn';

/** The last value is what goes on record; `null`: nothing does. */
const update = statement(
  'train_update',
  `
update trains set intent = $4, status = $5, content = $6, revision = revision + 1, updated_at = clock_timestamp()
where tenant = $1 and train_id = $2 and revision = $3 and $7::text is distinct from ''
returning ${columns}`,
  ([tenant, trainId, , intent, status, content, action]) =>
    typeof action !== 'string'
      ? null
      : {
          tenant: String(tenant),
          action,
          object: String(trainId),
          facts: {
            intent: String(intent),
            status: String(status),
            reason: (JSON.parse(String(content)) as Content).reason,
          },
          ...(action === ownAction ? { actor: 'system' } : {}),
        },
);

const read = statement('train_read', `select ${columns} from trains where tenant = $1 and train_id = $2`);
/** A member may be created after its train has ended, by a server that was slow and then was no more. */
const readUnfinished = statement(
  'trains_unfinished',
  `
select ${columns} from trains where status in ${holdingStatuses}
union all
select ${columns} from trains where status not in ${holdingStatuses} and (tenant, train_id) in (
  select d.tenant, d.spec ->> 'trainId' from deployments d
  where d.status in ${holdingStatuses} and d.status in ('Pending', 'PendingApproval'))
order by ordinal`,
);
const readPage = statement(
  'train_list',
  `
select ${columns} from trains where tenant = $1 and ($2::bigint is null or ordinal < $2::bigint) order by ordinal desc limit $3`,
);

/**
 * Release trains.
 * @public
 */
export class TrainRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** @throws HS_DEPLOYMENT_TRAIN_EXISTS */
  async insert(train: Omit<TrainRecord, 'revision' | 'createdAt' | 'updatedAt'>): Promise<void> {
    const { tenant, trainId, author, intent, status } = train;
    const inserted = await this.#session.execute(insert, [tenant, trainId, author, intent, status, contentOf(train)]);
    if (inserted === 0) throw stateError('HS_DEPLOYMENT_TRAIN_EXISTS', { trainId });
  }

  /** `null` when there is no such train. */
  async find(tenant: string, trainId: string): Promise<TrainRecord | null> {
    const [row] = await this.#session.query<Row>(read, [tenant, trainId]);
    return row ? toTrain(row) : null;
  }

  /** Newest first. @throws HS_STORE_INVALID_CURSOR */
  async list(tenant: string, query: PageQuery = {}): Promise<Page<TrainRecord>> {
    return readPageByOrdinal(this.#session, readPage, [tenant], query, toTrain);
  }

  /** Trains of all tenants that are not at their end, or have a member that waits and does not know of it. */
  async unfinished(): Promise<readonly TrainRecord[]> {
    return (await this.#session.query<Row>(readUnfinished)).map(toTrain);
  }

  /** Writes a change on top of what was read; `null` when it has changed since. */
  async update(
    train: TrainRecord,
    change: Partial<Pick<TrainRecord, 'intent' | 'status' | 'actor' | 'reason' | 'backEnd'>>,
    action?: string,
  ): Promise<TrainRecord | null> {
    const next = { ...train, ...change };
    const { tenant, trainId, revision, intent, status } = next;
    const values = [tenant, trainId, revision, intent, status, contentOf(next), action ?? null];
    const [row] = await this.#session.query<Row>(update, values);
    return row ? toTrain(row) : null;
  }
}

function contentOf({ members, order, actor, reason, backEnd }: Content): string {
  return JSON.stringify({ members, order, actor, reason, backEnd } satisfies Content);
}

function toTrain({ content, ordinal: _ordinal, ...row }: Row): TrainRecord {
  return { ...row, ...content };
}
