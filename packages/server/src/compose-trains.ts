import type { Clock, Failpoint, RolloutEngine } from '@hotswap/core';
import { DeploymentRepository, TrainRepository, type Database } from '@hotswap/state-postgres';
import type { FastifyBaseLogger } from 'fastify';
import type { RolloutLoop } from './loops/rollout-loop.ts';
import { TrainLoop } from './loops/train-loop.ts';
import type { ServerParts } from './server-parts.ts';
import { breakableTrainStore } from './trains/breakable-train-store.ts';

/** Release trains over this database, and what drives them. @internal */
export function composeTrains(
  database: Database,
  parts: {
    readonly engine: RolloutEngine;
    readonly clock: Clock;
    readonly loop: RolloutLoop;
    readonly logger: Pick<FastifyBaseLogger, 'warn'>;
    readonly failpoint?: Failpoint | undefined;
  },
): Pick<ServerParts, 'trains' | 'trainLoop'> {
  const { engine, clock, loop, logger, failpoint } = parts;
  const repository = new TrainRepository(database);
  const trains = failpoint ? breakableTrainStore(repository, failpoint) : repository;
  const trainLoop = new TrainLoop({
    trains,
    engine,
    clock,
    deployments: new DeploymentRepository(database),
    changes: database.changes,
    nudge: (tenant, deploymentId) => loop.nudge(tenant, deploymentId),
    onError: (error, trainId) => logger.warn({ err: error, trainId }, 'a train could not go on and will try again'),
  });
  return { trains, trainLoop };
}
