import { givenUpReason, type DeploymentSpec, type RolloutEngine, type Train, type TrainChange } from '@hotswap/core';
import { serverError } from '../error-codes.ts';
import type { TrainStore } from '../ports/train-store.ts';

/** @internal */
export interface AssemblyParts {
  readonly engine: Pick<RolloutEngine, 'create' | 'command'>;
  readonly trains: Pick<TrainStore, 'find' | 'update'>;
}

/**
 * Creates the deployments of a train. One that cannot be created takes those before it with it: a train is whole or not
 * there.
 * @throws HS_DEPLOYMENT_TRAIN_REFUSED when the train was given up meanwhile, and what `create` throws
 * @internal
 */
export async function assembleTrain(
  parts: AssemblyParts,
  train: Pick<Train, 'tenant' | 'trainId'>,
  specs: readonly DeploymentSpec[],
  author: string,
): Promise<void> {
  const created: DeploymentSpec[] = [];
  try {
    for (const spec of specs) {
      await parts.engine.create(spec, author);
      created.push(spec);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'A deployment could not be created';
    const given = await settle(parts, train, { intent: 'back', reason });
    if (given !== null) await callOff(parts, created, author, given);
    throw error;
  }
  const given = await settle(parts, train, { intent: 'wait' });
  if (given === null) return;
  await callOff(parts, created, author, given);
  throw serverError('HS_DEPLOYMENT_TRAIN_REFUSED', {
    ...{ command: 'create', status: given.status },
    why: given.reason ?? 'it was given up while its deployments were created',
  });
}

/**
 * Nobody but the request that creates a train changes it meanwhile, unless it took so long that it was given up: then the
 * train as it has become is returned, and what to do about it is no matter of this request any more.
 */
async function settle(
  { trains }: AssemblyParts,
  { tenant, trainId }: Pick<Train, 'tenant' | 'trainId'>,
  change: TrainChange,
): Promise<Train | null> {
  for (;;) {
    const train = await trains.find(tenant, trainId);
    if (train?.intent !== 'assemble') return train;
    if ((await trains.update(train, change, 'train.assemble')) !== null) return null;
  }
}

/** Whoever gave the train up may have looked at its members before the last of them were there. */
async function callOff(
  { engine }: AssemblyParts,
  created: readonly DeploymentSpec[],
  author: string,
  train: Train,
): Promise<void> {
  for (const { tenant, deploymentId } of created.toReversed())
    await engine.command(tenant, deploymentId, 'abort', author, { reason: givenUpReason(train) });
}
