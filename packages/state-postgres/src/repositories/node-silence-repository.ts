import type { Database } from '../database/database.ts';
import { statement, type Session } from '../database/session.ts';
import { raiseOfNodeRoutes } from '../queries/raise-of-node.ts';

/** A node that has fallen silent, or is heard of again. @public */
export interface NodeSilence {
  readonly tenant: string;
  readonly nodeId: string;
  readonly kind: 'silent' | 'heard';
  /** Time without a heartbeat by the database's clock; of one that was never heard of, since it joined. */
  readonly silentForMs: number;
}

const silentForMs = `(extract(epoch from clock_timestamp() - coalesce(h.last_heartbeat_at, n.created_at)) * 1000)::float8`;

const findSilent = statement(
  'silence_find',
  `
select n.tenant, n.node_id as "nodeId", 'silent' as kind, ${silentForMs} as "silentForMs"
from nodes n left join node_heartbeats h on h.tenant = n.tenant and h.node_id = n.node_id
where n.is_enabled and coalesce(h.last_heartbeat_at, n.created_at) <= clock_timestamp() - $1::float8 * interval '1 millisecond'
  and not exists (select 1 from node_silences s where s.tenant = n.tenant and s.node_id = n.node_id)
order by n.tenant, n.node_id limit $2`,
);

const findHeard = statement(
  'silence_find_ended',
  `
select n.tenant, n.node_id as "nodeId", 'heard' as kind, ${silentForMs} as "silentForMs"
from node_silences s
join nodes n on n.tenant = s.tenant and n.node_id = s.node_id
left join node_heartbeats h on h.tenant = n.tenant and h.node_id = n.node_id
where not n.is_enabled or h.last_heartbeat_at > clock_timestamp() - $1::float8 * interval '1 millisecond'
order by n.tenant, n.node_id limit $2`,
);

/** Whoever inserts the row tells of it: of several servers that see the same silence one does. */
const begin = statement(
  'silence_begin',
  `
insert into node_silences (tenant, node_id, since) values ($1, $2, clock_timestamp() - $3::float8 * interval '1 millisecond')
on conflict do nothing`,
  ([tenant, nodeId, silentMs]) => ({
    tenant: String(tenant),
    actor: 'engine:node-watch',
    action: 'node.unhealthy',
    object: String(nodeId),
    facts: { silentForMs: Math.round(Number(silentMs)) },
  }),
);

const end = statement(
  'silence_end',
  `delete from node_silences where tenant = $1 and node_id = $2`,
  ([tenant, nodeId]) => ({
    tenant: String(tenant),
    actor: 'engine:node-watch',
    action: 'node.recovered',
    object: String(nodeId),
  }),
);

const tell = statement(
  'silence_tell',
  `insert into outbox (tenant, node_id, text, severity, facts) values ($1, $2, $3, $4, $5)`,
);

/** What is to be said of a silence. @public */
export type SilenceWording = (silence: NodeSilence) => {
  readonly text: string;
  readonly severity: 'info' | 'warning' | 'critical';
};

/**
 * Nodes that fall silent and come back: each turn is noted once, with an act in the audit chain and a message in the
 * outbox, however many servers look. Routes pass over a node while it is noted as silent.
 * @public
 */
export class NodeSilenceRepository {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Notes which enabled nodes were not heard of for that long, and which of the noted ones are heard of again or were
   * disabled. Returns what this call has noted, at most `limit` of each.
   */
  async turn(unhealthyAfterMs: number, wording: SilenceWording, limit: number = 500): Promise<readonly NodeSilence[]> {
    const silent = await this.#database.query<NodeSilence>(findSilent, [unhealthyAfterMs, limit]);
    const heard = await this.#database.query<NodeSilence>(findHeard, [unhealthyAfterMs, limit]);
    const noted: NodeSilence[] = [];
    for (const silence of [...silent, ...heard])
      if (await this.#database.transaction((session) => note(session, silence, wording))) noted.push(silence);
    return noted;
  }
}

async function note(session: Session, silence: NodeSilence, wording: SilenceWording): Promise<boolean> {
  const { tenant, nodeId, kind, silentForMs: silentMs } = silence;
  const changed =
    kind === 'silent'
      ? await session.execute(begin, [tenant, nodeId, silentMs])
      : await session.execute(end, [tenant, nodeId]);
  if (changed === 0) return false;
  await raiseOfNodeRoutes(session, tenant, nodeId);
  const { text, severity } = wording(silence);
  await session.execute(tell, [tenant, nodeId, text, severity, JSON.stringify({ silentForMs: Math.round(silentMs) })]);
  return true;
}
