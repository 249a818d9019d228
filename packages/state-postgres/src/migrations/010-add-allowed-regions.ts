import type { Migration } from './migration.ts';

/**
 * Regions that a module never leaves. Null: it may go anywhere; a new version says so anew.
 * @internal
 */
export const addAllowedRegions: Migration = {
  name: '010-add-allowed-regions',
  sql: `
alter table modules add column allowed_regions json;
`,
};
