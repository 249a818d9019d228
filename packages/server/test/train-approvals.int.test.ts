import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeploymentStatus } from '@hotswap/core';
import type { TrainView } from '@hotswap/protocol';
import { PolicyScene } from './policy-scene.ts';
import { coreModule } from './v8-inspector.ts';

describe('a train under a policy of approvals', () => {
  let scene: PolicyScene;
  beforeAll(async () => {
    scene = await PolicyScene.open({ environment: 'Production', requireApproval: false, host: '127.0.0.1' });
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  it('waits when the approval of a later member has ended, and goes on once it is given again', async () => {
    await scene.put({ approvals: { '*': { required: 2, validFor: 'PT5S' } } });
    const moduleIds: string[] = [];
    for (const name of ['alpha', 'beta']) {
      const wasm = coreModule({ salt: name });
      moduleIds.push((await scene.as('ada').modules.register({ name, version: '1.0.0', wasm })).moduleId);
    }
    const { trainId, members } = await scene.as('dev').trains.create({
      ...{ moduleIds, strategy: 'Canary' },
      strategyConfig: { stages: [50, 100], evaluationPeriod: 'PT0.5S', autoPromote: false },
    });
    const [first = '', second = ''] = members.map(({ deploymentId }) => deploymentId);
    const train = (): Promise<TrainView> => scene.as('dev').trains.get(trainId);
    const status = async (id: string): Promise<DeploymentStatus> => (await scene.as('dev').deployments.get(id)).status;
    const approve = async (id: string): Promise<void> => {
      if ((await status(id)) === 'PendingApproval') await scene.as('linus').deployments.approve(id);
    };
    const promotes = async (id: string): Promise<void> => {
      await expect
        .poll(
          async () => {
            if ((await status(id)) === 'Paused') await scene.as('ada').deployments.promote(id);
            return status(id);
          },
          { timeout: 45_000 },
        )
        .toBe('Completed');
    };

    // However slow this machine is: the first member begins while its approval and that of the second are there.
    await expect
      .poll(
        async () => {
          await approve(first);
          await approve(second);
          await scene
            .as('ada')
            .trains.execute(trainId)
            .catch(() => undefined);
          return status(first);
        },
        { timeout: 45_000 },
      )
      .toBe('Paused');
    const given = async (): Promise<unknown> => (await scene.as('dev').deployments.get(second)).approvals?.given;
    await expect.poll(given, { timeout: 45_000 }).toEqual([]);
    await promotes(first);

    await expect.poll(async () => (await train()).reason ?? '', { timeout: 45_000 }).toContain('cannot begin yet');
    expect(await train()).toMatchObject({
      status: 'Paused',
      reason: expect.stringMatching(`${second} cannot begin yet: .* needs 2 approvals and has 0`) as string,
      members: [{ deployment: { status: 'Completed' } }, { deployment: { status: 'PendingApproval' } }],
    });

    await expect
      .poll(
        async () => {
          await approve(second);
          return status(second);
        },
        { timeout: 45_000 },
      )
      .toMatch(/InProgress|Paused/);
    await promotes(second);
    await expect.poll(async () => (await train()).status, { timeout: 45_000 }).toBe('Completed');
    const { acts } = await scene.as('ada').audit.list({ object: trainId, action: 'train.turn' });
    expect(
      acts.filter(({ facts }) => String((facts as { reason: unknown }).reason).includes('cannot begin yet')),
    ).toHaveLength(1);
  });
});
