import { setTimeout as sleep } from 'node:timers/promises';
import type { DeploymentStatus } from '@hotswap/core';
import { finalStatuses, type TrainView } from '@hotswap/protocol';
import type { FaultBench } from './fault-bench.ts';
import type { FaultPoint } from './fault-point.ts';
import { arm } from './server-crashes.ts';
import {
  begin,
  crashAssembly,
  create,
  keep,
  newTrain,
  nextOf,
  rollBack,
  trainViolations,
  waitForEnd,
} from './train-crashes.ts';

/** Around each write of the train's own row, which is one statement: there is no moment within. */
const moments = ['train.row.before', 'train.row.after'] as const;
type Moment = (typeof moments)[number];

/** Asks before its second stage, so that a person may answer in the middle. */
const asking = {
  strategy: 'Canary',
  strategyConfig: { stages: [34, 100], evaluationPeriod: 'PT1S', autoPromote: false },
};

/** What is done to a train, and all that its row may ever have been: what an auditor reads, in order. */
interface Course {
  readonly named: string;
  readonly acts: readonly string[];
  readonly end: DeploymentStatus;
  /** Everything that is to be done, in any state that a crash may have left it; `false` once nothing is left to do. */
  readonly drive: (bench: FaultBench, trainId: string, moduleIds: readonly string[]) => Promise<boolean>;
}

/** Whether it is not there yet, or nobody has executed it. */
async function isToBegin({ client }: FaultBench, trainId: string): Promise<boolean> {
  const known = await client.trains.get(trainId).catch(() => null);
  return known === null || known.status === 'Pending';
}

const assembled = ['train.create ', 'train.assemble Pending'] as const;
const begun = [...assembled, 'train.execute InProgress'] as const;

const forward: Course = {
  named: 'on the way forward',
  acts: [...begun, 'train.turn Completed'],
  end: 'Completed',
  drive: async (bench, trainId, moduleIds) => {
    await begin(bench, trainId, moduleIds);
    return false;
  },
};
const backFromCompleted: Course = {
  named: 'on the way back from Completed',
  acts: [...forward.acts, 'train.rollback RollingBack', 'train.turn RolledBack'],
  end: 'RolledBack',
  drive: async (bench, trainId, moduleIds) => {
    if (await isToBegin(bench, trainId)) await begin(bench, trainId, moduleIds);
    if ((await waitForEnd(bench, trainId)).status === 'Completed') await rollBack(bench, trainId);
    return false;
  },
};
const calledOff: Course = {
  named: 'when a member is called off before it begins',
  acts: [...assembled, 'train.turn Pending', 'train.turn RollingBack', 'train.turn Cancelled'],
  end: 'Cancelled',
  drive: async (bench, trainId, moduleIds) => {
    await create(bench, trainId, moduleIds);
    const { members } = await bench.client.trains.get(trainId);
    if (members[1]?.deployment?.status === 'Pending')
      await bench.client.deployments.abort(members[1].deploymentId, { reason: 'fault test' });
    return false;
  },
};
const turnedBack: Course = {
  named: 'when its second member is given up under way',
  acts: [
    ...begun,
    'train.turn Paused',
    'train.turn InProgress',
    'train.turn Paused',
    'train.turn RollingBack',
    'train.turn RolledBack',
  ],
  end: 'RolledBack',
  drive: async (bench, trainId, moduleIds) => {
    if (await isToBegin(bench, trainId)) await begin(bench, trainId, moduleIds, asking);
    const { status, members } = await bench.client.trains.get(trainId);
    if (finalStatuses.includes(status)) return false;
    const [first, second] = members;
    // The train has to have seen that a member waits before it is answered: else there would be one turn less on record.
    if (status === 'Paused' && first?.deployment?.status === 'Paused')
      await bench.client.deployments.promote(first.deploymentId);
    if (status === 'Paused' && second?.deployment?.status === 'Paused')
      await bench.client.deployments.abort(second.deploymentId, { reason: 'fault test' });
    return true;
  },
};

/** Where a train is lost that is being created, and how it is taken back: with none of its deployments, or with all. */
const assemblies = [
  { moment: 'train.row.after', label: 'assemble-Pending', acts: ['train.turn Pending', 'train.turn Cancelled'] },
  { moment: 'train.row.before', label: 'wait-Pending', acts: calledOff.acts.slice(2) },
] as const;

/** Rows that a course writes, by intent and status, each for the first time. */
const rows: readonly (readonly [Course, readonly string[]])[] = [
  [forward, ['forward-InProgress', 'forward-Completed']],
  [backFromCompleted, ['back-RollingBack', 'back-RolledBack']],
  [calledOff, ['back-Pending', 'back-RollingBack', 'back-Cancelled']],
  [turnedBack, ['forward-Paused', 'back-RollingBack', 'back-RolledBack']],
];

/**
 * The server is killed before and after every write of a train's own row. Whatever happens, the train ends as it would have,
 * and the audit log tells each of its turns exactly once.
 */
export function trainRowCrashPoints(bench: FaultBench): readonly FaultPoint[] {
  const named = (moment: Moment, label: string, course: string): string =>
    `train: server killed at ${moment} of ${label} ${course}`;
  const point = (moment: Moment, label: string, course: Course): FaultPoint => ({
    name: named(moment, label, course.named),
    run: () => crash(bench, moment, label, course),
  });
  return [
    point('train.row.before', 'assemble-Pending', { ...forward, named: 'before it is there' }),
    ...assemblies.map(({ moment, label, acts }) => ({
      name: named(moment, label, 'while it is created'),
      run: () =>
        crashAssembly(bench, { moment, label, of: (trainId) => trainId }, (train) =>
          recordViolations(bench, train, ['train.create ', ...acts]),
        ),
    })),
    point('train.row.after', 'wait-Pending', { ...forward, named: 'once it is created' }),
    ...rows.flatMap(([course, labels]) =>
      labels.flatMap((label) => moments.map((moment) => point(moment, label, course))),
    ),
  ];
}

async function crash(bench: FaultBench, moment: Moment, label: string, course: Course): Promise<readonly string[]> {
  const trainId = newTrain(bench);
  const moduleIds = nextOf(bench);
  await arm(bench, trainId, { moment, label });
  await drive(bench, course, trainId, moduleIds).catch(() => undefined);
  const died = await bench.serverDeath(60_000);
  await bench.cluster.restartServer();
  await drive(bench, course, trainId, moduleIds);
  const train = await waitForEnd(bench, trainId, course === backFromCompleted ? 'Completed' : undefined);
  if (course.end === 'Completed') keep(bench, train);
  return [
    ...(died ? [] : ['the moment never came']),
    ...(train.status === course.end ? [] : [`it ended as ${train.status}: ${train.reason ?? ''}`]),
    ...(await recordViolations(bench, train, course.acts)),
    ...(await trainViolations(bench, train)),
  ];
}

/** Until there is nothing left to do, or the server does not answer any more. */
async function drive(bench: FaultBench, course: Course, trainId: string, moduleIds: readonly string[]): Promise<void> {
  const deadline = performance.now() + 90_000;
  while ((await course.drive(bench, trainId, moduleIds)) && performance.now() < deadline) await sleep(50);
}

/** What is on record of the train, against what has to be: each turn once, whether it was committed before the crash or after. */
async function recordViolations(
  { client }: FaultBench,
  { trainId }: TrainView,
  expected: readonly string[],
): Promise<readonly string[]> {
  const { acts } = await client.audit.list({ object: trainId, limit: 100 });
  const told = acts.map(({ action, facts }) => `${action} ${(facts as { readonly status?: string }).status ?? ''}`);
  return JSON.stringify(told) === JSON.stringify(expected)
    ? []
    : [`on record is [${told.join('; ')}] instead of [${expected.join('; ')}]`];
}
