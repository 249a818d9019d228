import {
  LiveUseRepository,
  NodeSilenceRepository,
  OutboxRepository,
  PostgresMetricsSource,
} from '@hotswap/state-postgres';
import type { DependencyContainer } from 'tsyringe';
import { AlertLoop } from './alerts/alert-loop.ts';
import { AlertWebhook } from './alerts/alert-webhook.ts';
import { NodeWatchLoop } from './alerts/node-watch-loop.ts';
import { accessCleaners } from './compose-access.ts';
import { forgetEvents } from './compose-events.ts';
import { tokens } from './compose-tokens.ts';
import type { ComposedServer } from './hotswap-server.ts';
import { CatchUpLoop } from './loops/catch-up-loop.ts';
import { HousekeepingLoop } from './loops/housekeeping-loop.ts';

/** What tells of alerts, and looks for silent nodes. @internal */
export function composeAlerts(scope: DependencyContainer): Pick<ComposedServer, 'alerts' | 'nodeWatch'> {
  const database = scope.resolve(tokens.database);
  const clock = scope.resolve(tokens.clock);
  const { events, logger, changes, config } = scope.resolve(tokens.parts);
  const { alertsWebhookUrl: url, alertsWebhookSecret: secret } = config;
  const signed = secret === undefined ? {} : { secret };
  const webhook = url === undefined ? {} : { webhook: new AlertWebhook({ url, now: () => clock.now(), ...signed }) };
  return {
    alerts: new AlertLoop({ outbox: new OutboxRepository(database), changes, events, logger, ...webhook }),
    nodeWatch: new NodeWatchLoop({
      silences: new NodeSilenceRepository(database),
      events,
      onError: (error) => logger.warn({ err: error }, 'nodes were not looked at and will be later'),
      ...scope.resolve(tokens.overrides).nodeWatch,
    }),
  };
}

/** What brings nodes up to date that joined or were away. @internal */
export function composeCatchUp(scope: DependencyContainer): CatchUpLoop {
  const { catchUps, fleet, selectors, events, logger } = scope.resolve(tokens.parts);
  return new CatchUpLoop({
    ...{ catchUps, fleet, selectors, events },
    onError: (error) => logger.warn({ err: error }, 'nodes could not be brought up to date and will be tried again'),
  });
}

const callersRetentionMs = 30 * 86_400_000;
const metricsRetentionMs = 7 * 86_400_000;
/** Seconds are needed while a rollout looks at its last minutes, minutes for what was rolled out today. */
const metricsRollUps = { minutes: [120_000, 60], hours: [86_400_000, 3_600] } as const;

/** What forgets and sums up what is old. @internal */
export function composeHousekeeping(scope: DependencyContainer): HousekeepingLoop {
  const { keys, logger } = scope.resolve(tokens.parts);
  const database = scope.resolve(tokens.database);
  const metrics = new PostgresMetricsSource(database);
  return new HousekeepingLoop({
    keys,
    outbox: new OutboxRepository(database),
    cleaners: [
      () => new LiveUseRepository(database).forgetCallers(callersRetentionMs),
      ...accessCleaners(database),
      forgetEvents(database),
      () => metrics.deleteOlderThan(metricsRetentionMs),
      () => metrics.rollUp(...metricsRollUps.hours),
    ],
    compactors: [() => metrics.rollUp(...metricsRollUps.minutes)],
    onError: (error) => logger.warn({ err: error }, 'housekeeping failed and will come again'),
  });
}
