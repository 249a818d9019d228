import type { Migration } from './migration.ts';

/**
 * Nodes that are being brought to a release outside of a rollout: they joined, or were away, when it was rolled out.
 * @internal
 */
export const addCatchUps: Migration = {
  name: '008-add-catch-ups',
  sql: `
create table catch_ups (
  tenant text not null default 'default',
  node_id text not null,
  module_name text not null,
  release_id text not null,
  deployment_id text not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (node_id, tenant, module_name),
  foreign key (node_id, tenant) references nodes (node_id, tenant) on delete cascade
);
`,
};
