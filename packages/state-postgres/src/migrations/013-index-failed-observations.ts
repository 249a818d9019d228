import type { Migration } from './migration.ts';

/**
 * Finds nodes that could not load something without reading what all nodes report: asked for with every scrape of metrics.
 * @internal
 */
export const indexFailedObservations: Migration = {
  name: '013-index-failed-observations',
  sql: `
create index observations_failed on observations (tenant, node_id) where state = 'failed';
`,
};
