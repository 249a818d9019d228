import { setTimeout as sleep } from 'node:timers/promises';
import { isHotSwapError } from '@hotswap/core';
import { finalStatuses, type JournalEntryView, type TrainView } from '@hotswap/protocol';
import { commitLabels } from './commit-labels.ts';
import type { FaultBench, Rollout } from './fault-bench.ts';
import type { FaultPoint } from './fault-point.ts';
import { effectList, historyOf } from './history-of.ts';
import { arm } from './server-crashes.ts';

const moments = ['journal.append.before-commit', 'journal.append.after-commit'] as const;
/** One whose server died while its deployments were created is given up after a minute. */
const trainTimeoutMs = 110_000;
const strategy = { strategy: 'AllAtOnce', strategyConfig: {} };

/** A commit of one member at which the server dies. */
interface TrainCrash {
  readonly moment: string;
  readonly member: number;
  readonly label: string;
}

/** What an undisturbed train did, member by member. */
interface Reference {
  readonly effects: readonly (readonly string[])[];
  readonly labels: readonly (readonly string[])[];
}

/**
 * The server is killed at every commit of a release train of two modules: on the way forward, on the way back from
 * Completed, and while its deployments are created. Whatever happens, the members end alike.
 */
export async function trainCrashPoints(bench: FaultBench): Promise<readonly FaultPoint[]> {
  const reference = await undisturbed(bench);
  const forward = reference.labels.flatMap((labels, member) =>
    labels.filter((label) => label !== 'created').flatMap((label) => crashesAt(member, label)),
  );
  const back = [1, 0].flatMap((member) => ['turned-rollback', 'closed'].flatMap((label) => crashesAt(member, label)));
  return [
    ...forward.map((crash) => ({
      name: `train: server killed at ${nameOf(bench, crash)}`,
      run: () => crashForward(bench, crash, reference),
    })),
    {
      name: 'train: server killed while its deployments are created',
      run: () =>
        crashAssembly(bench, { moment: moments[0], label: 'created', of: (trainId) => memberOf(bench, trainId, 1) }),
    },
    ...back.map((crash) => ({
      name: `train: server killed at ${nameOf(bench, crash)} on the way back`,
      run: () => crashBack(bench, crash),
    })),
  ];
}

const crashesAt = (member: number, label: string): readonly TrainCrash[] =>
  moments.map((moment) => ({ moment, member, label }));

const nameOf = (bench: FaultBench, { moment, member, label }: TrainCrash): string =>
  `${moment} of ${label} of ${linesOf(bench)[member]?.name ?? ''}`;

const linesOf = ({ adder, shop }: FaultBench): readonly [FaultBench['adder'], FaultBench['shop']] => [adder, shop];

const memberOf = (bench: FaultBench, trainId: string, member: number): string =>
  `${trainId}-${linesOf(bench)[member]?.name ?? ''}`;

async function undisturbed(bench: FaultBench): Promise<Reference> {
  const trainId = newTrain(bench);
  const moduleIds = nextOf(bench);
  await begin(bench, trainId, moduleIds);
  keep(bench, await waitForEnd(bench, trainId));
  const journals = await journalsOf(bench, trainId);
  return { effects: journals.map(effectList), labels: journals.map(commitLabels) };
}

async function crashForward(bench: FaultBench, crash: TrainCrash, reference: Reference): Promise<readonly string[]> {
  const trainId = newTrain(bench);
  const moduleIds = nextOf(bench);
  await arm(bench, memberOf(bench, trainId, crash.member), crash);
  await begin(bench, trainId, moduleIds).catch(() => undefined);
  const died = await bench.serverDeath(60_000);
  await bench.cluster.restartServer();
  await begin(bench, trainId, moduleIds);
  const train = await waitForEnd(bench, trainId);
  keep(bench, train);
  const effects = (await journalsOf(bench, trainId)).map(effectList);
  return [
    ...(died ? [] : ['the moment never came']),
    ...(train.status === 'Completed' ? [] : [`it ended as ${train.status}: ${train.reason ?? ''}`]),
    ...(JSON.stringify(effects) === JSON.stringify(reference.effects)
      ? []
      : [`its members did ${JSON.stringify(effects)} instead of ${JSON.stringify(reference.effects)}`]),
    ...(await trainViolations(bench, train)),
  ];
}

async function crashBack(bench: FaultBench, crash: TrainCrash): Promise<readonly string[]> {
  const trainId = newTrain(bench);
  await arm(bench, memberOf(bench, trainId, crash.member), crash);
  await begin(bench, trainId, nextOf(bench));
  const there = await waitForEnd(bench, trainId);
  await rollBack(bench, trainId).catch(() => undefined);
  const died = await bench.serverDeath(60_000);
  await bench.cluster.restartServer();
  await rollBack(bench, trainId);
  const train = await waitForEnd(bench, trainId, 'Completed');
  return [
    ...(died ? [] : ['the moment never came']),
    ...(there.status === 'Completed' ? [] : [`it went out as ${there.status}: ${there.reason ?? ''}`]),
    ...(train.status === 'RolledBack' ? [] : [`it ended as ${train.status}: ${train.reason ?? ''}`]),
    ...(await trainViolations(bench, train)),
  ];
}

/**
 * A train is whole or not there: what was created of it is taken back, by whichever server finds it.
 * @param crash `of`: whose moment it is
 * @param further what else has to hold
 */
export async function crashAssembly(
  bench: FaultBench,
  crash: { readonly moment: string; readonly label: string; readonly of: (trainId: string) => string },
  further: (train: TrainView) => Promise<readonly string[]> = () => Promise.resolve([]),
): Promise<readonly string[]> {
  const trainId = newTrain(bench);
  await arm(bench, crash.of(trainId), crash);
  await create(bench, trainId, nextOf(bench)).catch(() => undefined);
  const died = await bench.serverDeath(60_000);
  await bench.cluster.restartServer();
  const train = await waitForEnd(bench, trainId);
  return [
    ...(died ? [] : ['the moment never came']),
    ...(train.status === 'Cancelled' ? [] : [`it ended as ${train.status}: ${train.reason ?? ''}`]),
    ...(await further(train)),
    ...(await trainViolations(bench, train)),
  ];
}

export const newTrain = (bench: FaultBench): string => `train-${bench.newId()}`;

export const nextOf = (bench: FaultBench): readonly string[] => linesOf(bench).map(({ next }) => next);

export async function create(
  bench: FaultBench,
  trainId: string,
  moduleIds: readonly string[],
  rollout: Pick<Rollout, 'strategy' | 'strategyConfig'> = strategy,
): Promise<void> {
  await bench.persist(async () => {
    try {
      await bench.client.trains.create({ ...rollout, moduleIds, trainId, order: 'given' });
    } catch (error) {
      if (!isHotSwapError(error, 'HS_DEPLOYMENT_TRAIN_EXISTS')) throw error;
    }
  });
}

export async function begin(
  bench: FaultBench,
  trainId: string,
  moduleIds: readonly string[],
  rollout: Pick<Rollout, 'strategy' | 'strategyConfig'> = strategy,
): Promise<void> {
  await create(bench, trainId, moduleIds, rollout);
  await bench.persist(() => bench.client.trains.execute(trainId));
}

export async function rollBack(bench: FaultBench, trainId: string): Promise<void> {
  await bench.persist(() => bench.client.trains.rollback(trainId, { reason: 'fault test' }));
}

/** The train once it is over; as it stands when that takes too long. `besides` is an end that it has left behind. */
export async function waitForEnd(bench: FaultBench, trainId: string, besides?: string): Promise<TrainView> {
  const deadline = performance.now() + trainTimeoutMs;
  for (;;) {
    const train = await bench.client.trains.get(trainId);
    if ((finalStatuses.includes(train.status) && train.status !== besides) || performance.now() > deadline)
      return train;
    await sleep(50);
  }
}

export function keep(bench: FaultBench, { members }: TrainView): void {
  for (const [n, line] of linesOf(bench).entries()) {
    const deployment = members[n]?.deployment;
    if (deployment) line.keep(deployment);
  }
}

async function journalsOf(bench: FaultBench, trainId: string): Promise<readonly (readonly JournalEntryView[])[]> {
  return Promise.all(linesOf(bench).map((_, member) => bench.journal(memberOf(bench, trainId, member))));
}

export async function trainViolations(bench: FaultBench, train: TrainView): Promise<readonly string[]> {
  const created = train.members.filter(({ deployment }) => deployment !== null);
  const journals = await Promise.all(created.map(({ deploymentId }) => bench.journal(deploymentId)));
  const members = train.members.map(({ deploymentId }) => deploymentId);
  const routes = await Promise.all(linesOf(bench).map((line) => bench.settledViolations(line)));
  return [
    ...(await historyOf(journals, [{ trainId: train.trainId, status: train.status, members }])),
    ...routes.flat(),
  ];
}
