import type { Knex } from 'knex';
import type { PooledSessions } from '../database/pooled-sessions.ts';
import { createFleet } from './001-create-fleet.ts';
import { createRollouts } from './002-create-rollouts.ts';
import { createServices } from './003-create-services.ts';
import { addServing } from './004-add-serving.ts';
import { widenMetrics } from './005-widen-metrics.ts';
import { createControl } from './006-create-control.ts';
import { addInterfaces } from './007-add-interfaces.ts';
import { addCatchUps } from './008-add-catch-ups.ts';
import { addPublicUrl } from './009-add-public-url.ts';
import { addAllowedRegions } from './010-add-allowed-regions.ts';
import { addMirrors } from './011-add-mirrors.ts';
import { addAccess } from './012-add-access.ts';
import { indexFailedObservations } from './013-index-failed-observations.ts';
import { addAlerts } from './015-add-alerts.ts';
import { addPolicies } from './016-add-policies.ts';
import { bindRegions } from './017-bind-regions.ts';
import { addEventLog } from './018-add-event-log.ts';
import { seeStarts } from './019-see-starts.ts';
import { countStreams } from './020-count-streams.ts';
import { dateRegions } from './021-date-regions.ts';
import type { Migration } from './migration.ts';

/** In the order in which they are applied. @internal */
export const migrations: readonly Migration[] = [
  createFleet,
  createRollouts,
  createServices,
  addServing,
  widenMetrics,
  createControl,
  addInterfaces,
  addCatchUps,
  addPublicUrl,
  addAllowedRegions,
  addMirrors,
  addAccess,
  indexFailedObservations,
  addAlerts,
  addPolicies,
  bindRegions,
  addEventLog,
  seeStarts,
  countStreams,
  dateRegions,
];

/** Any constant that nothing else in the database locks. */
const migrationLock = 0x4853_4d49;

const source: Knex.MigrationSource<Migration> = {
  getMigrations: () => Promise.resolve([...migrations]),
  getMigrationName: (migration) => migration.name,
  getMigration: ({ sql }) =>
    Promise.resolve({
      up: async (knex: Knex) => {
        await knex.raw(sql.replaceAll('?', '\\?'));
      },
      // Schemas only go forward: the server before reads what this one leaves, so there is nothing to go back for.
      down: () => Promise.resolve(),
    }),
};

/**
 * Brings the tables up to date. Servers that start together wait for each other. Each migration is one transaction, so
 * one that is interrupted is done again by the next start.
 * @internal
 */
export async function migrate(knex: Knex, sessions: PooledSessions, kind: 'pglite' | 'postgres'): Promise<void> {
  const latest = async (): Promise<void> => {
    const config: Knex.MigratorConfig = { migrationSource: source, tableName: 'hotswap_migrations' };
    // knex's own lock is a row that outlives a killed process; the lock of the session or the data directory does not.
    await knex.migrate.forceFreeMigrationsLock(config);
    await knex.migrate.latest(config);
  };
  if (kind === 'pglite') return latest();
  return sessions.withClient(async (client) => {
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    try {
      await latest();
    } finally {
      await client.query('select pg_advisory_unlock($1)', [migrationLock]);
    }
  });
}
