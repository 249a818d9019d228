import type { Migration } from './migration.ts';

/** Registered interfaces, who says to depend on them, and who called which function. @internal */
export const addInterfaces: Migration = {
  name: '007-add-interfaces',
  sql: `
create table interfaces (
  tenant text not null default 'default',
  name text not null,
  version text not null,
  wit text not null,
  status text not null,
  -- what it was compared with, and what changed since
  compared_with text,
  changes json not null,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  decided_by text,
  decided_at timestamptz,
  reason text,
  revision integer not null default 1,
  ordinal bigint generated always as identity unique,
  primary key (name, version, tenant)
);

create table interface_consumers (
  tenant text not null default 'default',
  name text not null,
  version text not null,
  consumer text not null,
  uses json not null,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (name, version, consumer, tenant),
  foreign key (name, version, tenant) references interfaces (name, version, tenant) on delete cascade
);

create table function_callers (
  tenant text not null default 'default',
  module_name text not null,
  function_name text not null,
  subject text not null,
  last_called_at timestamptz not null,
  primary key (module_name, function_name, subject, tenant)
);
create index function_callers_age on function_callers (last_called_at);
`,
};
