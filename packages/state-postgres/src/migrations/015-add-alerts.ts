import type { Migration } from './migration.ts';

/**
 * Messages about nodes beside those about deployments, nodes that have been told of as silent, and an index of
 * deployments that may be stuck.
 * @internal
 */
export const addAlerts: Migration = {
  name: '015-add-alerts',
  sql: `
alter table outbox alter column deployment_id drop not null;
alter table outbox add column node_id text;
alter table outbox add constraint outbox_subject check ((deployment_id is null) <> (node_id is null));

create table node_silences (
  tenant text not null default 'default',
  node_id text not null,
  since timestamptz not null,
  primary key (node_id, tenant),
  foreign key (node_id, tenant) references nodes (node_id, tenant) on delete cascade
);

create index deployments_stuck on deployments (stuck_at) where stuck_at is not null;
`,
};
