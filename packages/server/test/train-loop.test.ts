import { describe, expect, it } from 'vitest';
import type { Train, TrainChange } from '@hotswap/core';
import { TrainLoop, type TrainLoopParts } from '../src/loops/train-loop.ts';
import type { DeploymentRecord } from '../src/ports/deployment-list.ts';

const deploymentId = 'train-1-core';
const train: Train = {
  ...{ tenant: 'default', trainId: 'train-1', author: 'dev', actor: 'dev', order: 'given', reason: 'it failed' },
  ...{ intent: 'back', status: 'RollingBack', backEnd: 'RolledBack', revision: 1, createdAt: 0, updatedAt: 0 },
  members: [{ deploymentId, moduleId: 'core-v1.0.0', moduleName: 'core', after: [] }],
};
const record = (trainId?: string): DeploymentRecord =>
  ({ spec: { trainId }, summary: { status: 'InProgress' } }) as unknown as DeploymentRecord;

describe('the loop of trains', () => {
  /** Drives a train once, over what its member is found to be, look by look; tells what was commanded and what went wrong. */
  const drive = async (looks: readonly DeploymentRecord[]): Promise<{ commands: string[]; errors: unknown[] }> => {
    const found = [...looks];
    const [commands, errors]: [string[], unknown[]] = [[], []];
    let isDone = (): void => undefined;
    const done = new Promise<void>((resolve) => (isDone = resolve));
    const parts: Partial<TrainLoopParts> = {
      trains: {
        unfinished: () => Promise.resolve([train]),
        update: () => Promise.resolve(null),
      } as unknown as TrainLoopParts['trains'],
      deployments: { find: () => Promise.resolve(found.shift() ?? looks.at(-1) ?? null) },
      engine: {
        command: (_tenant, id, command) => {
          commands.push(`${command} ${id}`);
          return Promise.reject(new Error('enough'));
        },
      },
      onError: (error) => {
        errors.push(error);
        isDone();
      },
      nudge: () => undefined,
      clock: { now: () => 0 },
    };
    const loop = new TrainLoop(parts as TrainLoopParts);
    loop.nudge();
    await done;
    await loop.stop();
    return { commands, errors };
  };

  it('commands a deployment of the train', async () => {
    expect((await drive([record('train-1')])).commands).toEqual([`rollback ${deploymentId}`]);
  });

  it('commands none that turns out to be somebody else’s', async () => {
    const { commands, errors } = await drive([record('train-1'), record()]);
    expect(commands).toEqual([]);
    expect(errors).toMatchObject([{ code: 'HS_DEPLOYMENT_NOT_FOUND' }]);
  });

  it.each([
    ['leaves one that is being assembled alone, whatever the clock of its server says', 60_000, []],
    ['gives one up by the clock of the database', 60_001, ['back']],
  ])('%s', async (_what, now, turns) => {
    const intents: unknown[] = [];
    let hasLooked = (): void => undefined;
    const looked = new Promise<void>((resolve) => (hasLooked = resolve));
    const parts: Partial<TrainLoopParts> = {
      trains: {
        unfinished: () => Promise.resolve([{ ...train, intent: 'assemble', status: 'Pending' }]),
        update: (_train: Train, { intent }: TrainChange) => {
          intents.push(intent);
          hasLooked();
          return Promise.resolve(null);
        },
      } as unknown as TrainLoopParts['trains'],
      deployments: {
        find: () => {
          hasLooked();
          return Promise.resolve(null);
        },
      },
      clock: { now: () => now },
      onError: (error) => intents.push(error),
    };
    const loop = new TrainLoop(parts as TrainLoopParts);
    loop.nudge();
    await looked;
    await loop.stop();
    expect(intents).toEqual(turns);
  });
});
