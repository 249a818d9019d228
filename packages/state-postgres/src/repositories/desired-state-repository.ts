import type { DesiredModule, DesiredRelease, DesiredState } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { movingStatuses } from '../queries/deployment-statuses.ts';

/** Between heartbeats without news, and while a rollout touches the node. @internal */
export const heartbeatIntervals: { readonly quietMs: number; readonly busyMs: number } = {
  quietMs: 30_000,
  busyMs: 1_000,
};

interface Row extends DesiredRelease {
  readonly nodeId: string;
  readonly generation: number;
  readonly busy: boolean;
  /** `null` for a node that holds nothing. */
  readonly moduleName: string | null;
  readonly epoch: number;
  readonly probeRound: string | null;
  readonly probeCheck: NonNullable<DesiredRelease['probe']>['check'] | null;
}

/** One statement, so that generation and content are of one moment. */
const readStates = statement(
  'desired_states',
  `
with moving as materialized (select deployment_id from deployments where tenant = $1 and status in ${movingStatuses})
select n.node_id as "nodeId", n.generation::float8 as generation,
  exists (select 1 from moving m join deployment_targets t on t.deployment_id = m.deployment_id where t.node_id = n.node_id) as busy,
  a.module_name as "moduleName", coalesce(route.epoch, 0)::float8 as epoch, a.release_id as "releaseId", r.module_id as "moduleId", r.version, r.digest,
  r.size_bytes::float8 as "sizeBytes", r.config, r.capabilities, r.resource_limits as "resourceLimits", r.http, r.runtime,
  a.weight, a.probe_round as "probeRound", a.probe_check as "probeCheck"
from nodes n
left join assignments a on a.tenant = n.tenant and a.node_id = n.node_id
left join releases r on r.tenant = a.tenant and r.release_id = a.release_id
left join routes route on route.tenant = a.tenant and route.module_name = a.module_name
where n.tenant = $1 and n.node_id = any ($2::text[])
order by n.node_id, a.module_name, a.release_id`,
);

const readMarks = statement(
  'desired_marks',
  `
select n.node_id as "nodeId", n.generation::float8 as generation, coalesce(s.epoch, 0)::float8 as "streamEpoch"
from nodes n left join node_streams s on s.tenant = n.tenant and s.node_id = n.node_id
where n.tenant = $1 and n.node_id = any ($2::text[])`,
);

/** A boot that another one has followed gets no row: which one that is the reports say, and nothing else does. */
const claimStream = statement(
  'desired_claim_stream',
  `
with claimed as (
  insert into node_streams as s (tenant, node_id, epoch)
  select $1, $2, 1
  where not exists (select 1 from node_heartbeats h where h.tenant = $1 and h.node_id = $2 and $3::text = any (h.superseded_boot_ids))
  on conflict (node_id, tenant) do update set epoch = s.epoch + 1
  returning epoch
)
select epoch::float8 as epoch,
  pg_notify('hotswap_changes', json_build_object('topic', 'stream', 'tenant', $1::text, 'nodeId', $2::text, 'epoch', epoch)::text)
from claimed`,
);

/** What a stream compares before it reads a whole state. @public */
export interface DesiredMark {
  readonly generation: number;
  /** Number of the last stream that was opened for the node; 0: none was. Every other one has to end. */
  readonly streamEpoch: number;
}

/**
 * What nodes shall be.
 * @public
 */
export class DesiredStateRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** States of the nodes that exist among the ids, by id. */
  async read(tenant: string, nodeIds: readonly string[]): Promise<ReadonlyMap<string, DesiredState>> {
    const rows = await this.#session.query<Row>(readStates, [tenant, nodeIds]);
    return new Map(
      [...Map.groupBy(rows, (row) => row.nodeId)].map(([nodeId, ofNode]) => [nodeId, toState(nodeId, ofNode)]),
    );
  }

  /** Of the nodes that exist among the ids. */
  async marks(tenant: string, nodeIds: readonly string[]): Promise<ReadonlyMap<string, DesiredMark>> {
    const rows = await this.#session.query<DesiredMark & { nodeId: string }>(readMarks, [tenant, nodeIds]);
    return new Map(rows.map(({ nodeId, ...mark }) => [nodeId, mark]));
  }

  /**
   * Makes a stream the one of its node, over all servers; those before it hear of it.
   * @param bootId of the agent that asks for it; `null`: it does not say
   * @returns its number; `null` when the boot was followed by another one, whose streams stay
   */
  async claimStream(tenant: string, nodeId: string, bootId: string | null): Promise<number | null> {
    const [row] = await this.#session.query<{ epoch: number }>(claimStream, [tenant, nodeId, bootId]);
    return row?.epoch ?? null;
  }
}

function toState(nodeId: string, rows: readonly Row[]): DesiredState {
  const byModule = Map.groupBy(
    rows.filter((row) => row.moduleName !== null),
    (row) => row.moduleName as string,
  );
  const modules = [...byModule].map(([moduleName, releases]): DesiredModule => ({
    moduleName,
    epoch: releases[0]?.epoch ?? 0,
    releases: releases.map(toRelease),
  }));
  return {
    nodeId,
    generation: rows[0]?.generation ?? 0,
    modules,
    heartbeatIntervalMs: rows[0]?.busy === true ? heartbeatIntervals.busyMs : heartbeatIntervals.quietMs,
  };
}

function toRelease(row: Row): DesiredRelease {
  const { releaseId, moduleId, version, digest, sizeBytes, config, capabilities } = row;
  const { resourceLimits, http, runtime, weight } = row;
  const probe =
    row.probeRound !== null && row.probeCheck !== null
      ? { probe: { round: row.probeRound, check: row.probeCheck } }
      : {};
  return {
    releaseId,
    moduleId,
    version,
    digest,
    sizeBytes,
    config,
    capabilities,
    resourceLimits,
    http,
    runtime,
    weight,
    ...probe,
  };
}
