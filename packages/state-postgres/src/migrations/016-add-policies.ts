import type { Migration } from './migration.ts';

/** What each tenant's admins have laid down for deployments. @internal */
export const addPolicies: Migration = {
  name: '016-add-policies',
  sql: `
create table policies (
  tenant text not null primary key,
  revision integer not null,
  -- text as it was given: what is read back has to be what was set
  policy json not null,
  changed_at timestamptz not null default clock_timestamp()
);
`,
};
