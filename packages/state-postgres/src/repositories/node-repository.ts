import { canonicalJson, type Json } from '@hotswap/core';
import type { Database } from '../database/database.ts';
import { statement } from '../database/session.ts';
import { toJsonb, toText } from '../database/to-jsonb.ts';
import { stateError } from '../error-codes.ts';
import { holdingStatuses } from '../queries/deployment-statuses.ts';
import { enterRegion, leaveRegion, type NodeMove } from '../queries/move-node.ts';
import { raiseOfNodeRoutes } from '../queries/raise-of-node.ts';
import { recentStarts } from '../queries/recent-starts.ts';
import { limitOf, readCursor, toPage, type Page, type PageQuery } from './page.ts';
import { hashToken, newToken } from './token-hash.ts';

/** What a node says of itself. @public */
export interface NodeDescription {
  readonly nodeId: string;
  readonly hostname: string;
  readonly region: string;
  readonly zone?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly runtime: string;
  readonly runtimeVersion: string;
  readonly capabilities: Readonly<Record<string, Json>>;
  readonly maxModules: number;
  readonly hardware: { readonly cpuCores: number; readonly totalMemoryMB: number; readonly architecture: string };
  readonly dataPlaneUrl: string;
  /** Where anyone reaches its public modules. Absent: nowhere. */
  readonly publicUrl?: string;
  /** Any JSON by which two keys can be told apart. Absent: the credential alone identifies the node. */
  readonly publicKey?: Json;
}

/** A node as somebody has seen it who wants to change it. @public */
export type SeenNode = Pick<NodeRecord, 'isEnabled' | 'labels' | 'registeredAt'>;

/** A node as the inventory knows it. @public */
export interface NodeRecord extends Required<Omit<NodeDescription, 'zone' | 'publicUrl' | 'publicKey'>> {
  readonly tenant: string;
  readonly zone: string | null;
  readonly publicUrl: string | null;
  readonly isEnabled: boolean;
  /** Desired and applied generation; 0 before the first report. */
  readonly generation: number;
  readonly observedGeneration: number;
  /** Ids of the modules that it shall hold, sorted. */
  readonly deployedModules: readonly string[];
  /** Ids of releases that it could not load. */
  readonly failedReleases: readonly string[];
  readonly modulesLoaded: number;
  readonly cpuUsagePercent: number;
  readonly memoryUsageMB: number;
  /** Unix milliseconds; `null` before the first report. */
  readonly lastHeartbeatAt: number | null;
  /** Time since then by the database's clock. */
  readonly silentForMs: number | null;
  /** Starts that were seen within ten minutes before the last one, which the count forgets after ten minutes. */
  readonly recentStarts: number;
  readonly registeredAt: number;
}

/** Filters of a list of nodes; all that are given have to hold. @public */
export interface NodeQuery extends PageQuery {
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  readonly label?: { readonly name: string; readonly value: string } | undefined;
  readonly isEnabled?: boolean | undefined;
  /** `true`: heard of within `unhealthyAfterMs`; `false`: not. */
  readonly isReachable?: boolean | undefined;
  /** Default 120,000. */
  readonly unhealthyAfterMs?: number;
}

const takeToken = statement(
  'join_token_take',
  `
update join_tokens set uses_left = uses_left - 1 where token_hash = $1 and uses_left > 0 and expires_at > clock_timestamp()
returning tenant, regions`,
);

/** A token that all its nodes have joined with, and who made it. */
const readUsedUp = statement(
  'join_token_used_up',
  `select tenant, created_by as "createdBy" from join_tokens where token_hash = $1 and uses_left = 0`,
);

/** It is told of once: a token that is gone is one like any other that was never there. The last values only go on record. */
const dropUsedUp = statement(
  'join_token_drop_used_up',
  `delete from join_tokens where token_hash = $1 and uses_left = 0 and tenant = $2 and $3::text is not null and $4::text is not null`,
  ([, tenant, nodeId, createdBy]) => ({
    tenant: String(tenant),
    action: 'joinToken.reuse',
    object: String(nodeId),
    facts: { createdBy: String(createdBy) },
  }),
);

const tellOfReuse = statement(
  'join_token_tell',
  `insert into outbox (tenant, node_id, text, severity, facts) values ($1, $2, $3, 'warning', $4)`,
);

const insertToken = statement(
  'join_token_insert',
  `
insert into join_tokens (token_hash, tenant, uses_left, regions, created_by, expires_at)
values ($1, $2, $3, $4, $5, clock_timestamp() + $6::float8 * interval '1 millisecond')
returning (extract(epoch from expires_at) * 1000)::float8 as "expiresAt"`,
  ([, tenant, uses, regions]) => ({
    tenant: String(tenant),
    action: 'joinToken.create',
    object: 'join-token',
    facts: { uses: Number(uses), regions: regions as readonly string[] | null },
  }),
);

/** Takes the place of a registration with the same key: a node that has lost its credential joins again. */
const upsert = statement(
  'node_upsert',
  `
insert into nodes (tenant, node_id, hostname, region, zone, labels, runtime, runtime_version, capabilities, max_modules, hardware, data_plane_url, public_url, public_key, allowed_regions)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
on conflict (tenant, node_id) do update set hostname = excluded.hostname, region = excluded.region, zone = excluded.zone,
  runtime = excluded.runtime, runtime_version = excluded.runtime_version, capabilities = excluded.capabilities,
  max_modules = excluded.max_modules, hardware = excluded.hardware, data_plane_url = excluded.data_plane_url,
  public_url = excluded.public_url, allowed_regions = excluded.allowed_regions, updated_at = clock_timestamp()
where nodes.public_key = excluded.public_key and excluded.public_key <> ''`,
  ([tenant, nodeId, hostname, region]) => ({
    tenant: String(tenant),
    action: 'node.register',
    object: String(nodeId),
    facts: { hostname: String(hostname), region: String(region) },
    actor: `node:${String(nodeId)}`,
  }),
);

/** Where routers reach it, until it says otherwise. */
const readPlace = statement(
  'node_place',
  `select data_plane_url as "dataPlaneUrl", public_url as "publicUrl" from nodes where tenant = $1 and node_id = $2 for no key update`,
);

/** Labels are left alone: people may have changed them since. The key stays the one of the first registration. */
const update = statement(
  'node_session',
  `
with before as (select tenant, node_id, data_plane_url, public_url from nodes where tenant = $1 and node_id = $2)
update nodes n set hostname = $3, region = $4, zone = $5, runtime = $6, runtime_version = $7, capabilities = $8, max_modules = $9, hardware = $10,
  data_plane_url = $11, public_url = $12, updated_at = clock_timestamp()
from before b where n.tenant = b.tenant and n.node_id = b.node_id and (n.allowed_regions is null or $4 = any (n.allowed_regions))
returning (b.data_plane_url, b.public_url) is distinct from (n.data_plane_url, n.public_url) as moved`,
  ([tenant, nodeId]) => ({
    tenant: String(tenant),
    action: 'node.session',
    object: String(nodeId),
    actor: `node:${String(nodeId)}`,
  }),
);

const insertCredential = statement(
  'node_credential_insert',
  `insert into node_credentials (token_hash, tenant, node_id) values ($1, $2, $3)`,
);
const dropCredentials = statement(
  'node_credential_drop',
  `delete from node_credentials where tenant = $1 and node_id = $2`,
);
const readCredential = statement(
  'node_credential_read',
  `select tenant, node_id as "nodeId" from node_credentials where token_hash = $1`,
);

const columns = `n.tenant, n.node_id as "nodeId", n.hostname, n.region, n.zone, n.labels, n.runtime, n.runtime_version as "runtimeVersion", n.capabilities,
  n.max_modules as "maxModules", n.hardware, n.data_plane_url as "dataPlaneUrl", n.public_url as "publicUrl", n.is_enabled as "isEnabled", n.generation::float8 as generation,
  coalesce(h.observed_generation, 0)::float8 as "observedGeneration",
  coalesce((select json_agg(distinct r.module_id order by r.module_id) from assignments a join releases r on r.tenant = a.tenant and r.release_id = a.release_id
    where a.tenant = n.tenant and a.node_id = n.node_id), '[]') as "deployedModules",
  coalesce((select json_agg(o.release_id order by o.release_id) from observations o
    where o.tenant = n.tenant and o.node_id = n.node_id and o.state = 'failed'), '[]') as "failedReleases",
  coalesce(h.modules_loaded, 0) as "modulesLoaded", coalesce(h.cpu_usage_percent, 0) as "cpuUsagePercent", coalesce(h.memory_usage_mb, 0) as "memoryUsageMB",
  (extract(epoch from h.last_heartbeat_at) * 1000)::float8 as "lastHeartbeatAt",
  (extract(epoch from clock_timestamp() - h.last_heartbeat_at) * 1000)::float8 as "silentForMs",
  ${recentStarts} as "recentStarts", (extract(epoch from n.created_at) * 1000)::float8 as "registeredAt"`;
const from = `nodes n left join node_heartbeats h on h.tenant = n.tenant and h.node_id = n.node_id`;

const read = statement('node_read', `select ${columns} from ${from} where n.tenant = $1 and n.node_id = $2`);

const readPage = statement(
  'node_list',
  `
select ${columns} from ${from}
where n.tenant = $1 and ($2::text is null or n.region = $2) and ($3::text is null or n.zone = $3) and ($4::jsonb is null or n.labels @> $4::jsonb)
  and ($5::boolean is null or n.is_enabled = $5)
  and ($6::boolean is null or coalesce(h.last_heartbeat_at >= clock_timestamp() - $7::float8 * interval '1 millisecond', false) = $6)
  and ($8::text is null or (n.region, n.node_id) > ($8::text, $9::text))
order by n.region, n.node_id limit $10`,
);

/** Of what people can change; without a first registration nothing has been seen, and anything will do. */
function isAsSeen(registeredAt: string, isEnabled: string, labels: string): string {
  return `(${registeredAt}::float8 is null or (is_enabled = ${isEnabled}::boolean and labels = ${labels}::jsonb
    and (extract(epoch from created_at) * 1000)::float8 = ${registeredAt}))`;
}

const change = statement(
  'node_change',
  `
update nodes set is_enabled = coalesce($3, is_enabled), labels = coalesce($4::jsonb, labels), updated_at = clock_timestamp()
where tenant = $1 and node_id = $2 and ${isAsSeen('$5', '$6', '$7')}`,
  ([tenant, nodeId, isEnabled, labels]) => ({
    tenant: String(tenant),
    action: 'node.change',
    object: String(nodeId),
    facts: {
      isEnabled: isEnabled as boolean | null,
      labels: typeof labels === 'string' ? (JSON.parse(labels) as Json) : null,
    },
  }),
);

const readUse = statement(
  'node_use',
  `
select t.deployment_id as "deploymentId" from deployment_targets t join deployments d on d.deployment_id = t.deployment_id
where t.tenant = $1 and t.node_id = $2 and d.status in ${holdingStatuses} limit 1`,
);

const remove = statement(
  'node_delete',
  `delete from nodes where tenant = $1 and node_id = $2 and ${isAsSeen('$3', '$4', '$5')}`,
  ([tenant, nodeId]) => ({ tenant: String(tenant), action: 'node.delete', object: String(nodeId) }),
);

/** Its stream is looked at: there is nothing more to say to the node. */
const sendGone = statement(
  'node_gone_hint',
  `select pg_notify('hotswap_changes', json_build_object('topic', 'desired', 'tenant', $1::text, 'nodeId', $2::text)::text)`,
);

/**
 * The inventory of nodes: how they join, and what people see and change of them.
 * @public
 */
export class NodeRepository {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Makes a token with which `uses` nodes can join within `expiresInMs`. It cannot be read again. */
  async createJoinToken(token: {
    readonly tenant: string;
    readonly uses: number;
    readonly expiresInMs: number;
    /** `null`: any region. */
    readonly regions: readonly string[] | null;
    readonly createdBy: string;
  }): Promise<{ readonly token: string; readonly expiresAt: number }> {
    const secret = newToken('hsj');
    const [row] = await this.#database.query<{ expiresAt: number }>(insertToken, [
      hashToken(secret),
      token.tenant,
      token.uses,
      token.regions,
      token.createdBy,
      token.expiresInMs,
    ]);
    return { token: secret, expiresAt: row?.expiresAt ?? 0 };
  }

  /**
   * Registers a node and gives it a credential that cannot be read again. A known node with the same key gets a new
   * credential, and its old ones end; routers hear of it when it is reached elsewhere than before. In another region than
   * before it loses what must not be there. A token that is used up raises an alert when it is sent again.
   * @throws HS_AUTH_INVALID_JOIN_TOKEN, HS_AUTH_REGION_NOT_ALLOWED, HS_NODE_EXISTS
   */
  async register(
    joinToken: string,
    node: NodeDescription,
  ): Promise<{ readonly tenant: string; readonly credential: string; readonly move: NodeMove | null }> {
    const registered = await this.#database.transaction(async (session) => {
      const [token] = await session.query<{ tenant: string; regions: readonly string[] | null }>(takeToken, [
        hashToken(joinToken),
      ]);
      if (!token) return null;
      if (token.regions !== null && !token.regions.includes(node.region))
        throw stateError('HS_AUTH_REGION_NOT_ALLOWED', { region: node.region });
      const [hostname, region, ...rest] = describe(node);
      const values = [
        token.tenant,
        node.nodeId,
        hostname,
        region,
        rest[0],
        toJsonb(node.labels ?? {}),
        ...rest.slice(1),
        keyText(node.publicKey),
        token.regions,
      ];
      const leaving = await leaveRegion(session, token.tenant, node.nodeId, node.region);
      const [before] = await session.query<{ dataPlaneUrl: string; publicUrl: string | null }>(readPlace, [
        token.tenant,
        node.nodeId,
      ]);
      if ((await session.execute(upsert, values)) === 0) throw stateError('HS_NODE_EXISTS', { nodeId: node.nodeId });
      // A session that is opened afterwards finds it there already.
      if (before && (before.dataPlaneUrl !== node.dataPlaneUrl || before.publicUrl !== (node.publicUrl ?? null)))
        await raiseOfNodeRoutes(session, token.tenant, node.nodeId);
      await session.execute(dropCredentials, [token.tenant, node.nodeId]);
      const credential = newToken('hsn');
      await session.execute(insertCredential, [hashToken(credential), token.tenant, node.nodeId]);
      const move = leaving && (await enterRegion(session, token.tenant, node.nodeId, leaving));
      return { tenant: token.tenant, credential, move };
    });
    if (registered) return registered;
    await this.#tellOfReuse(hashToken(joinToken), node.nodeId);
    throw stateError('HS_AUTH_INVALID_JOIN_TOKEN');
  }

  /** Whoever sends a token that was used up already may have it from somebody else. */
  async #tellOfReuse(tokenHash: string, nodeId: string): Promise<void> {
    const [used] = await this.#database.query<{ tenant: string; createdBy: string }>(readUsedUp, [tokenHash]);
    if (!used) return;
    const { tenant, createdBy } = used;
    const text = `A join token that is used up was sent again to register ${nodeId}: look at who has it`;
    await this.#database.transaction(async (session) => {
      if ((await session.execute(dropUsedUp, [tokenHash, tenant, nodeId, createdBy])) === 0) return;
      await session.execute(tellOfReuse, [tenant, nodeId, text, JSON.stringify({ createdBy })]);
    });
  }

  /** Whose credential it is; `null` when nobody's. */
  async authenticate(credential: string): Promise<{ readonly tenant: string; readonly nodeId: string } | null> {
    const [row] = await this.#database.query<{ tenant: string; nodeId: string }>(readCredential, [
      hashToken(credential),
    ]);
    return row ?? null;
  }

  /**
   * Takes over what a node says of itself at a start, within the regions of the token that it joined with. Routers hear of
   * it when it is reached elsewhere than before. In another region than before it loses what must not be there.
   * @returns the move to another region; `null`: it is where it was
   * @throws HS_NODE_NOT_FOUND, HS_AUTH_REGION_NOT_ALLOWED
   */
  async openSession(tenant: string, node: NodeDescription): Promise<NodeMove | null> {
    return this.#database.transaction(async (session) => {
      const leaving = await leaveRegion(session, tenant, node.nodeId, node.region);
      const [row] = await session.query<{ moved: boolean }>(update, [tenant, node.nodeId, ...describe(node)]);
      if (!row) {
        const [known] = await session.query(readPlace, [tenant, node.nodeId]);
        throw known === undefined
          ? stateError('HS_NODE_NOT_FOUND', { nodeId: node.nodeId })
          : stateError('HS_AUTH_REGION_NOT_ALLOWED', { region: node.region });
      }
      if (row.moved) await raiseOfNodeRoutes(session, tenant, node.nodeId);
      return leaving && enterRegion(session, tenant, node.nodeId, leaving);
    });
  }

  /** @throws HS_NODE_NOT_FOUND */
  async get(tenant: string, nodeId: string): Promise<NodeRecord> {
    const [row] = await this.#database.query<NodeRecord>(read, [tenant, nodeId]);
    if (!row) throw stateError('HS_NODE_NOT_FOUND', { nodeId });
    return row;
  }

  /** By region, then id. @throws HS_STORE_INVALID_CURSOR */
  async list(tenant: string, query: NodeQuery = {}): Promise<Page<NodeRecord>> {
    const limit = limitOf(query);
    const after = readCursor(query, 2);
    const label = query.label ? toJsonb({ [query.label.name]: query.label.value }) : null;
    const rows = await this.#database.query<NodeRecord>(readPage, [
      tenant,
      query.region ?? null,
      query.zone ?? null,
      label,
      query.isEnabled ?? null,
      query.isReachable ?? null,
      query.unhealthyAfterMs ?? 120_000,
      after?.[0] ?? null,
      after?.[1] ?? null,
      limit,
    ]);
    return toPage(
      rows,
      limit,
      (row) => [row.region, row.nodeId],
      (row) => row,
    );
  }

  /**
   * Changes what people decide about a node. A disabled node keeps what it has; new deployments pass it over.
   * @throws HS_NODE_NOT_FOUND
   * @throws HS_STORE_STALE when the node is not as it was `seen`; without it that does not matter
   */
  async update(
    tenant: string,
    nodeId: string,
    changes: {
      readonly isEnabled?: boolean | undefined;
      readonly labels?: Readonly<Record<string, string>> | undefined;
    },
    seen?: SeenNode,
  ): Promise<NodeRecord> {
    const changed = await this.#database.execute(change, [
      tenant,
      nodeId,
      changes.isEnabled ?? null,
      changes.labels ? toJsonb(changes.labels) : null,
      ...valuesOf(seen),
    ]);
    const node = await this.get(tenant, nodeId);
    if (changed === 0) throw staleNode(nodeId);
    return node;
  }

  /**
   * Deletes a node with its credentials, its share of routes and what it has reported.
   * @throws HS_NODE_NOT_FOUND
   * @throws HS_STORE_STALE when the node is not as it was `seen`; without it that does not matter
   * @throws HS_NODE_IN_USE while a deployment that has not ended counts on it
   */
  async delete(tenant: string, nodeId: string, seen?: SeenNode): Promise<void> {
    await this.#database.transaction(async (session) => {
      const [use] = await session.query<{ deploymentId: string }>(readUse, [tenant, nodeId]);
      if (use) throw stateError('HS_NODE_IN_USE', { nodeId, deploymentId: use.deploymentId });
      await raiseOfNodeRoutes(session, tenant, nodeId);
      if ((await session.execute(remove, [tenant, nodeId, ...valuesOf(seen)])) === 0) {
        const isThere = (await session.query(read, [tenant, nodeId])).length > 0;
        throw isThere ? staleNode(nodeId) : stateError('HS_NODE_NOT_FOUND', { nodeId });
      }
      await session.query(sendGone, [tenant, nodeId]);
    });
  }
}

/** As the statements take it. */
function valuesOf(seen: SeenNode | undefined): readonly unknown[] {
  return seen === undefined ? [null, null, null] : [seen.registeredAt, seen.isEnabled, toJsonb(seen.labels)];
}

const staleNode = (nodeId: string): Error => stateError('HS_STORE_STALE', { what: `Node ${nodeId}` });

/** In the order hostname, region, zone, runtime, version, capabilities, module limit, hardware, both URLs. */
function describe(node: NodeDescription): readonly unknown[] {
  return [
    toText(node.hostname),
    node.region,
    node.zone ?? null,
    node.runtime,
    node.runtimeVersion,
    JSON.stringify(node.capabilities),
    node.maxModules,
    JSON.stringify(node.hardware),
    node.dataPlaneUrl,
    node.publicUrl ?? null,
  ];
}

/** Two nodes have one key when their texts are equal; without a key nobody is the same as anybody. */
function keyText(key: Json | undefined): string {
  return key === undefined ? '' : toText(canonicalJson(key));
}
