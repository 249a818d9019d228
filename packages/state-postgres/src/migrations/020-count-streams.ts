import type { Migration } from './migration.ts';

/**
 * How many streams of desired state were opened for each node: of several, on whatever servers, the last one counts. Apart
 * from nodes, whose rows rollouts lock.
 * @internal
 */
export const countStreams: Migration = {
  name: '020-count-streams',
  sql: `
create table node_streams (
  tenant text not null default 'default',
  node_id text not null,
  epoch bigint not null,
  primary key (node_id, tenant),
  foreign key (node_id, tenant) references nodes (node_id, tenant) on delete cascade
) with (fillfactor = 50);
`,
};
