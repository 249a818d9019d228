import type { Migration } from './migration.ts';

/**
 * Regions that the join token of a node admitted. Null: any, which also holds for nodes that joined before.
 * @internal
 */
export const bindRegions: Migration = {
  name: '017-bind-regions',
  sql: `
alter table nodes add column allowed_regions text[];
`,
};
