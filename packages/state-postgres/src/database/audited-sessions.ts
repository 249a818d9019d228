import { createHash } from 'node:crypto';
import { actText, genesisHash, type AuditAct } from '@hotswap/core';
import { actingNow } from './acting.ts';
import { statement, type Session, type Statement, type StatementAct } from './session.ts';
import { toText } from './to-jsonb.ts';

/** Sessions that can run several statements in one transaction. */
interface Sessions extends Session {
  transaction<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
}

/** Locks the tenant's head until the transaction ends, so that acts stand in the order of their commits. */
const lockHead = statement(
  'audit_lock_head',
  `
insert into audit_heads as h (tenant, seq, hash) values ($1, -1, '${genesisHash}')
on conflict (tenant) do update set seq = h.seq
returning h.seq::float8 as seq, h.hash, floor(extract(epoch from clock_timestamp()) * 1000)::float8 as at`,
);

const append = statement(
  'audit_append',
  `
with moved as (update audit_heads set seq = $2, hash = $7 where tenant = $1)
insert into audit_acts (tenant, seq, at, actor, action, object, hash, act)
values ($1, $2, to_timestamp($3::float8 / 1000), $4, $5, $6, $7, $8)`,
);

/**
 * Leaves an act for each statement that declares one and has changed something, in the transaction of the change.
 * @internal
 */
export function auditing(sessions: Sessions): Sessions {
  const alone = <Result>(sql: Statement | string, run: (session: Session) => Promise<Result>): Promise<Result> =>
    isAudited(sql) ? transaction(run) : run(sessions);
  const transaction: Sessions['transaction'] = (work) =>
    sessions.transaction(async (session) => {
      const acts: StatementAct[] = [];
      const result = await work(watching(session, acts));
      for (const act of acts) await record(session, act);
      return result;
    });
  return {
    query: <Row extends object>(sql: Statement | string, values?: readonly unknown[]) =>
      alone(sql, (session) => session.query<Row>(sql, values)),
    execute: (sql, values) => alone(sql, (session) => session.execute(sql, values)),
    transaction,
  };
}

const isAudited = (sql: Statement | string): sql is Statement & Required<Pick<Statement, 'act'>> =>
  typeof sql !== 'string' && sql.act !== undefined;

function watching(session: Session, acts: StatementAct[]): Session {
  const note = (sql: Statement | string, values: readonly unknown[], changed: number): void => {
    const act = isAudited(sql) && changed > 0 ? sql.act(values) : null;
    if (act !== null) acts.push(act);
  };
  return {
    query: async <Row extends object>(sql: Statement | string, values: readonly unknown[] = []) => {
      const rows = await session.query<Row>(sql, values);
      note(sql, values, rows.length);
      return rows;
    },
    execute: async (sql, values = []) => {
      const changed = await session.execute(sql, values);
      note(sql, values, changed);
      return changed;
    },
  };
}

async function record(session: Session, { tenant, actor, action, object, facts = null }: StatementAct): Promise<void> {
  const [head] = await session.query<{ seq: number; hash: string; at: number }>(lockHead, [tenant]);
  if (!head) return;
  const acting = actingNow();
  const isAsker = actor === undefined || actor === acting.actor;
  const content: Omit<AuditAct, 'hash'> = {
    tenant,
    seq: head.seq + 1,
    at: head.at,
    actor: toText(actor ?? acting.actor),
    role: isAsker ? acting.role : null,
    action,
    object: toText(object),
    facts,
    requestId: acting.requestId,
    previousHash: head.hash,
  };
  // Through JSON first: what is hashed is what will be read.
  const plain = JSON.parse(JSON.stringify(content)) as Omit<AuditAct, 'hash'>;
  const hash = createHash('sha256').update(actText(plain)).digest('hex');
  const act: AuditAct = { ...plain, hash };
  await session.execute(append, [tenant, act.seq, act.at, act.actor, action, act.object, hash, JSON.stringify(act)]);
}
