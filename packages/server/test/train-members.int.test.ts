import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PolicyScene } from './policy-scene.ts';
import { coreModule } from './v8-inspector.ts';

describe('the members of a train', () => {
  let scene: PolicyScene;
  let version = 0;
  beforeAll(async () => {
    scene = await PolicyScene.open({
      ...{ environment: 'Production', requireApproval: false, host: '127.0.0.1' },
      moduleRegistrationsPerMinute: 1_000,
    });
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  const register = async (name: string): Promise<string> => {
    version++;
    const wasm = coreModule({ salt: String(version) });
    return (await scene.as('ada').modules.register({ name, version: `1.${version}.0`, wasm })).moduleId;
  };

  it('are none of the deployments that others created under such an id', async () => {
    const { deployments, trains } = scene.as('ada');
    const foreign = 'train-0123456789-payment-core';
    await deployments.create({
      ...{ moduleId: await register('payment-core'), deploymentId: foreign },
      strategy: 'AllAtOnce',
    });
    await deployments.execute(foreign);
    await expect.poll(async () => (await deployments.get(foreign)).status, { timeout: 20_000 }).toBe('Completed');

    const trainId = 'train-0123456789-payment';
    const { status, body } = await scene.test.send('POST', '/api/v1/wasm/trains', {
      token: scene.tokens['dev'] ?? '',
      body: { trainId, moduleIds: [await register('core'), await register('zeta')], strategy: 'AllAtOnce' },
    });
    expect([status, body['code']]).toEqual([409, 'HS_DEPLOYMENT_EXISTS']);
    await expect.poll(async () => (await trains.get(trainId)).status, { timeout: 20_000 }).toBe('Cancelled');
    expect((await trains.get(trainId)).members).toMatchObject([
      { deploymentId: foreign, deployment: null },
      { deploymentId: `${trainId}-zeta`, deployment: null },
    ]);
    expect((await deployments.get(foreign)).status).toBe('Completed');
  });

  it('have ids of their own, however much of their names is alike', async () => {
    const long = 'm'.repeat(90);
    const moduleIds = [await register(`${long}a`), await register(`${long}b`)];
    const { members } = await scene.as('dev').trains.create({ moduleIds, strategy: 'AllAtOnce' });
    const ids = members.map(({ deploymentId }) => deploymentId);
    expect(new Set(ids).size).toBe(2);
    expect(ids.every((id) => id.length <= 100)).toBe(true);
  });
});
