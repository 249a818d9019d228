import type { Migration } from './migration.ts';

/**
 * Where anyone reaches the public modules of a node, for proxies in front of the fleet. Null: the node has no public port,
 * or has not registered since.
 * @internal
 */
export const addPublicUrl: Migration = {
  name: '009-add-public-url',
  sql: `
alter table nodes add column public_url text;
`,
};
