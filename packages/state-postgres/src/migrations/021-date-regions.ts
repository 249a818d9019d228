import type { Migration } from './migration.ts';

/**
 * Since when a node is in its region. Null: since it was registered. What was rolled out there before, it had no part in.
 * @internal
 */
export const dateRegions: Migration = {
  name: '021-date-regions',
  sql: `
alter table nodes add column region_since timestamptz;
`,
};
