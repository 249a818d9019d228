import type { Migration } from './migration.ts';

/**
 * Copies of requests: which release gets them, and what each router has counted since. Reports go with their mirror, so
 * nothing of one that has ended can come back late. A shadow is the release of the same digest without capabilities.
 * @internal
 */
export const addMirrors: Migration = {
  name: '011-add-mirrors',
  sql: `
alter table releases add column shadow_of text;

create table mirrors (
  tenant text not null default 'default',
  deployment_id text not null primary key,
  module_name text not null,
  release_id text not null,
  step integer not null,
  percent double precision not null,
  compare json not null,
  foreign key (deployment_id, tenant) references deployments (deployment_id, tenant),
  foreign key (release_id, tenant) references releases (release_id, tenant)
);
create index mirrors_module on mirrors (module_name, tenant);

create table mirror_reports (
  deployment_id text not null references mirrors (deployment_id) on delete cascade,
  instance_id text not null,
  equal bigint not null,
  different bigint not null,
  failed bigint not null,
  skipped bigint not null,
  examples json not null,
  primary key (deployment_id, instance_id)
);
`,
};
