import type { Migration } from './migration.ts';

/**
 * When the first report of each boot came in, by the database's clock, the last one first. Of boots before this nobody
 * knows: they count as none.
 * @internal
 */
export const seeStarts: Migration = {
  name: '019-see-starts',
  sql: `
alter table node_heartbeats add column boots_at timestamptz[] not null default '{}';
`,
};
