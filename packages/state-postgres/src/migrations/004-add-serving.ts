import type { Migration } from './migration.ts';

/**
 * How modules and releases are reached by HTTP and run. Rows from before serve none and run as by default, and a server of
 * the version before can go on inserting.
 * @internal
 */
export const addServing: Migration = {
  name: '004-add-serving',
  sql: `
alter table modules
  add column http json,
  add column runtime json not null default '{"reuse":null,"fuel":null,"simd":true,"aotCache":true,"stateful":false}';
alter table releases
  add column http json,
  add column runtime json not null default '{"reuse":null,"fuel":null,"simd":true,"aotCache":true,"stateful":false}';
`,
};
