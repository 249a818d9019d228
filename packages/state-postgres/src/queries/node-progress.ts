import type { NodeProgress } from '@hotswap/core';
import type { Session, Statement } from '../database/session.ts';
import { nodeOfTarget } from './bump-generation.ts';
import { fromMultirange } from './node-ranges.ts';

/** Failures that are shown: enough to see a pattern, few enough for a journal. */
const shownFailures = 20;

/**
 * The frame of all progress queries: `verdict` yields for one target `t` a `state` (`done`, `failed` or null) and, for
 * failures, `code` and `message`; it is asked for nodes that have applied what they were told. Being lateral keeps it
 * linear in the number of nodes whatever the planner believes about their number. `$1` deployment, `$2` positions, `$3` grace in
 * milliseconds. A node is `applied` when its last report is at or above the generation that this deployment last gave it;
 * it is silent when it is gone, or in another region now, or when neither a report nor a new wish has come within the grace.
 * @internal
 */
export function progressQuery(verdict: string): string {
  return `
with told as (
  select t.position, t.tenant, t.node_id, d.module_name,
    coalesce(h.observed_generation, -1) >= t.issued_generation as applied,
    n.node_id is null or greatest(h.last_heartbeat_at, t.issued_at) < clock_timestamp() - $3::float8 * interval '1 millisecond' as silent
  from deployment_targets t
  join deployments d on d.deployment_id = t.deployment_id
  left join ${nodeOfTarget}
  left join node_heartbeats h on h.tenant = t.tenant and h.node_id = t.node_id
  where t.deployment_id = $1 and t.position <@ $2::int4multirange
),
judged as (
  select t.position, v.code, v.message, coalesce(v.state, case when t.silent then 'unreachable' else 'pending' end) as state
  from told t left join lateral (${verdict}) v on t.applied
)
select
  count(*) filter (where state = 'done')::int as done,
  count(*) filter (where state = 'failed')::int as failed,
  count(*) filter (where state = 'pending')::int as pending,
  count(*) filter (where state = 'unreachable')::int as unreachable,
  (range_agg(int4range(position, position + 1)) filter (where state in ('pending', 'unreachable')))::text as silent,
  (select json_agg(json_build_object('position', f.position, 'code', coalesce(f.code, 'HS_NODE_FAILED'), 'message', coalesce(f.message, 'The node gave no reason')) order by f.position)
   from (select * from judged where state = 'failed' order by position limit ${shownFailures}) f) as failures
from judged`;
}

/** Runs a progress query. @internal */
export async function readProgress(
  session: Session,
  sql: Statement,
  values: readonly unknown[],
): Promise<NodeProgress> {
  const [row] = await session.query<
    Omit<NodeProgress, 'silent' | 'failures'> & { silent: string | null; failures: NodeProgress['failures'] | null }
  >(sql, values);
  const { done = 0, failed = 0, pending = 0, unreachable = 0, silent = null, failures = null } = row ?? {};
  return { done, failed, pending, unreachable, failures: failures ?? [], silent: fromMultirange(silent) };
}
