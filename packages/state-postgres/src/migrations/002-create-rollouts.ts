import type { Migration } from './migration.ts';

/** Deployments, their journals, and their frozen targets. @internal */
export const createRollouts: Migration = {
  name: '002-create-rollouts',
  sql: `
create table deployments (
  tenant text not null default 'default',
  deployment_id text not null primary key,
  module_name text not null,
  module_id text not null,
  release_id text not null,
  strategy text not null,
  regions text[],
  author text not null,
  spec json not null,
  head text not null,
  head_seq integer not null,
  summary json not null,
  status text not null,
  stuck_at timestamptz,
  retained_until timestamptz,
  wake_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  ordinal bigint generated always as identity unique,
  unique (deployment_id, tenant),
  foreign key (module_id, tenant) references modules (module_id, tenant),
  foreign key (release_id, tenant) references releases (release_id, tenant)
) with (fillfactor = 70);
create index deployments_module on deployments (module_name, ordinal);
create index deployments_module_id on deployments (module_id, tenant);
create index deployments_release on deployments (release_id, tenant);
create index deployments_holding on deployments (module_name) where status in ('Pending', 'PendingApproval', 'InProgress', 'Paused', 'RollingBack');
create index deployments_moving on deployments (deployment_id) where status in ('InProgress', 'Paused', 'RollingBack');
create index deployments_retained on deployments (deployment_id) where retained_until is not null;
create index deployments_wake on deployments (wake_at) where wake_at is not null;

create table journal_entries (
  tenant text not null default 'default',
  deployment_id text not null,
  seq integer not null,
  type text not null,
  at timestamptz not null,
  actor text not null,
  hash text not null,
  -- json, not jsonb: the hash is over exactly this text's content
  entry json not null,
  primary key (deployment_id, seq),
  foreign key (deployment_id, tenant) references deployments (deployment_id, tenant)
);

-- Without a foreign key to nodes: what was rolled out where outlives the node.
create table deployment_targets (
  tenant text not null default 'default',
  deployment_id text not null,
  position integer not null,
  node_id text not null,
  -- generation and time at which this deployment last told the node something; 0: it has not
  issued_generation bigint not null default 0,
  issued_at timestamptz not null default clock_timestamp(),
  primary key (deployment_id, position),
  unique (deployment_id, node_id),
  foreign key (deployment_id, tenant) references deployments (deployment_id, tenant)
) with (fillfactor = 70);
create index deployment_targets_node on deployment_targets (node_id, tenant);

create table deployment_baselines (
  tenant text not null default 'default',
  deployment_id text not null,
  position integer not null,
  release_id text not null,
  weight double precision not null,
  primary key (deployment_id, position, release_id),
  foreign key (deployment_id, tenant) references deployments (deployment_id, tenant),
  foreign key (release_id, tenant) references releases (release_id, tenant)
);
create index deployment_baselines_release on deployment_baselines (release_id, tenant);

create table outbox (
  message_id bigint generated always as identity primary key,
  tenant text not null default 'default',
  deployment_id text not null,
  text text not null,
  severity text not null,
  facts json,
  created_at timestamptz not null default clock_timestamp(),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default clock_timestamp(),
  delivered_at timestamptz
);
create index outbox_due on outbox (next_attempt_at) where delivered_at is null;
`,
};
