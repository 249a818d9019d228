import type { Migration } from './migration.ts';

/**
 * Modules, releases, nodes and what nodes shall hold and have reported.
 *
 * Assignments have no index by release: it would tempt the planner away from their key, and releases are hardly ever
 * deleted. Indexes lead with what tells rows apart best, and the tenant comes later: as long as a table has no statistics all
 * indexes with a matching first column look alike to the planner, and one that begins with the tenant finds everything.
 * @internal
 */
export const createFleet: Migration = {
  name: '001-create-fleet',
  sql: `
create table modules (
  tenant text not null default 'default',
  module_id text not null,
  name text not null,
  version text not null,
  digest text not null,
  size_bytes bigint not null,
  -- json, not jsonb, wherever a value has to come back exactly: names in a binary may hold any character
  description json not null,
  wasi_version text not null,
  interfaces json,
  resource_limits json not null,
  capabilities json not null,
  health_check json not null,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  ordinal bigint generated always as identity unique,
  primary key (module_id, tenant),
  unique (name, version, tenant)
);
create index modules_digest on modules (digest);

create table releases (
  tenant text not null default 'default',
  release_id text not null,
  module_id text not null,
  module_name text not null,
  version text not null,
  digest text not null,
  size_bytes bigint not null,
  config json not null,
  capabilities json not null,
  resource_limits json not null,
  health_check json not null,
  created_at timestamptz not null default clock_timestamp(),
  ordinal bigint generated always as identity unique,
  primary key (release_id, tenant),
  foreign key (module_id, tenant) references modules (module_id, tenant)
);
create index releases_module on releases (module_id, tenant);

create table nodes (
  tenant text not null default 'default',
  node_id text not null,
  hostname text not null,
  region text not null,
  zone text,
  labels jsonb not null default '{}',
  runtime text not null,
  runtime_version text not null,
  capabilities json not null,
  max_modules integer not null,
  hardware json not null,
  data_plane_url text not null,
  public_key text not null,
  is_enabled boolean not null default true,
  generation bigint not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  primary key (node_id, tenant)
) with (fillfactor = 70);
create index nodes_region on nodes (region, node_id, tenant);

-- Apart from nodes: written with each heartbeat, while rollouts lock the rows of nodes.
create table node_heartbeats (
  tenant text not null default 'default',
  node_id text not null,
  boot_id text not null,
  superseded_boot_ids text[] not null default '{}',
  sequence bigint not null,
  observed_generation bigint not null,
  cpu_usage_percent double precision not null,
  memory_usage_mb double precision not null,
  modules_loaded integer not null,
  last_heartbeat_at timestamptz not null,
  primary key (node_id, tenant),
  foreign key (node_id, tenant) references nodes (node_id, tenant) on delete cascade
) with (fillfactor = 50);

create table node_credentials (
  token_hash text primary key,
  tenant text not null default 'default',
  node_id text not null,
  created_at timestamptz not null default clock_timestamp(),
  foreign key (node_id, tenant) references nodes (node_id, tenant) on delete cascade
);
create index node_credentials_node on node_credentials (node_id, tenant);

create table join_tokens (
  token_hash text primary key,
  tenant text not null default 'default',
  uses_left integer not null check (uses_left >= 0),
  regions text[],
  created_by text not null,
  expires_at timestamptz not null
);

create table assignments (
  tenant text not null default 'default',
  node_id text not null,
  module_name text not null,
  release_id text not null,
  weight double precision not null default 0 check (weight >= 0),
  probe_deployment_id text,
  probe_round text,
  probe_check json,
  primary key (node_id, tenant, module_name, release_id),
  foreign key (node_id, tenant) references nodes (node_id, tenant) on delete cascade,
  foreign key (release_id, tenant) references releases (release_id, tenant)
) with (fillfactor = 70);
create index assignments_route on assignments (module_name, tenant) where weight > 0;
create index assignments_probe on assignments (probe_deployment_id) where probe_deployment_id is not null;

create table observations (
  tenant text not null default 'default',
  node_id text not null,
  module_name text not null,
  release_id text not null,
  state text not null,
  error_code text,
  error_message text,
  health_round text,
  health_state text,
  consecutive_successes integer,
  consecutive_failures integer,
  health_message text,
  primary key (node_id, tenant, module_name, release_id),
  foreign key (node_id, tenant) references nodes (node_id, tenant) on delete cascade
) with (fillfactor = 70);

-- The route itself is the assignments with a weight; here is only what counts its changes.
create table routes (
  tenant text not null default 'default',
  module_name text not null,
  revision bigint not null default 0,
  epoch bigint not null default 0,
  primary key (module_name, tenant)
);

create table gateways (
  instance_id text primary key,
  last_seen_at timestamptz not null
);
create table gateway_revisions (
  instance_id text not null references gateways (instance_id) on delete cascade,
  tenant text not null,
  module_name text not null,
  revision bigint not null,
  primary key (instance_id, module_name, tenant)
) with (fillfactor = 70);
`,
};
