import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from './run-command-line.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

describe('hotswap undo', () => {
  let test: TestServer;
  let agent: ScriptedAgent;

  beforeAll(async () => {
    test = await startTestServer();
    const { token } = await test.client.nodes.createJoinToken({ uses: 1 });
    agent = new ScriptedAgent({ url: test.url, nodeId: 'edge-1', region: 'us-east', joinToken: token });
    await agent.start();
    for (const version of ['1.0.0', '2.0.0', '3.0.0'])
      await test.client.modules.register({ name: 'greeter', version, wasm: coreModule({ salt: version }) });
  });

  afterAll(async () => {
    await agent.stop();
    await test[Symbol.asyncDispose]();
  });

  const cli = (...args: string[]) => runCommandLine({ url: test.url, token: test.token }, ...args);
  const deploy = async (version: string, ...more: string[]): Promise<string> => {
    const { code, out } = await cli('-q', 'deploy', `greeter-v${version}`, '--strategy', 'AllAtOnce', '-w', ...more);
    expect(code).toBe(0);
    return out.trim();
  };
  const deployAs = async (moduleId: string): Promise<string> => {
    const { deploymentId } = await test.client.deployments.create({ moduleId, strategy: 'AllAtOnce' });
    await test.client.deployments.execute(deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).status, { timeout: 20_000 })
      .toBe('Completed');
    return deploymentId;
  };
  const serving = async (): Promise<unknown> => (await test.client.routes.get('greeter')).releases[0]?.version;
  const releaseOf = async (version: string): Promise<string> =>
    (await test.client.releases.list({ moduleName: 'greeter' })).releases.find((one) => one.version === version)
      ?.releaseId ?? '';

  it('rolls back while what was replaced is warm, by the deployment or by the name of the module', async () => {
    await deploy('1.0.0', '--env', 'LEVEL=info');
    const second = await deploy('2.0.0');
    const undone = await cli('undo', second, '--reason', 'too slow', '-w');
    expect([undone.code, undone.out]).toEqual([3, expect.stringMatching(/RolledBack[^]*too slow/)]);
    expect(await serving()).toBe('1.0.0');
    expect((await cli('undo', second)).out).toContain('RolledBack');

    await deploy('2.0.0');
    expect((await cli('undo', 'greeter', '-w')).code).toBe(3);
    expect(await serving()).toBe('1.0.0');
  });

  it('deploys the very release from before again once that has been retired', async () => {
    const before = await releaseOf('1.0.0');
    const id = await deploy('3.0.0', '--retention', 'PT0.2S');
    await expect
      .poll(async () => (await test.client.deployments.get(id)).retainedUntil, { timeout: 20_000 })
      .toBeUndefined();
    const again = await cli('undo', 'greeter', '-w');
    expect([again.code, again.out]).toEqual([0, expect.stringContaining(before)]);
    expect(await serving()).toBe('1.0.0');
    const to = await cli('undo', 'greeter', '--to', await releaseOf('2.0.0'), '-w');
    expect(to.code).toBe(3);
    await expect.poll(serving, { timeout: 20_000 }).toBe('2.0.0');
  });

  it('comes with the list of releases, their differences, and the story of one step', async () => {
    expect((await cli('releases', '--module', 'greeter')).out).toMatch(/RELEASE[^]*greeter-v3\.0\.0[^]*LEVEL/);
    const diff = await cli('releases', 'diff', await releaseOf('1.0.0'), await releaseOf('2.0.0'));
    expect(diff.out.split('\n')).toEqual(
      expect.arrayContaining([
        '- The configuration LEVEL is gone; it was info.',
        '~ The version changes from 1.0.0 to 2.0.0.',
      ]),
    );
    const { deployments } = await test.client.deployments.list({ limit: 1 });
    const id = deployments[0]?.deploymentId ?? '';
    const all = (await cli('why', id)).out.trim().split('\n');
    const step = (await cli('why', id, '0')).out.trim().split('\n');
    expect(step.length).toBeLessThan(all.length);
    expect(step[0]).toMatch(/Step 0 began: load the release on 1 node \(edge-1\), without giving it traffic\.$/);
    expect(step.at(-1)).toMatch(/Step 0 \(deploy\) ended: the release is loaded and warm on 1 node\.$/);
    const none = await cli('why', id, '99');
    expect([none.code, none.err]).toEqual([5, expect.stringContaining('HS_CLI_NO_SUCH_STEP')]);
  });

  it('takes no release back to a region that it must not go to', async () => {
    const far = new ScriptedAgent({
      ...{ url: test.url, nodeId: 'edge-2', region: 'eu-central' },
      joinToken: (await test.client.nodes.createJoinToken({ uses: 1 })).token,
    });
    await far.start();
    const register = (version: string, more: object = {}) =>
      test.client.modules.register({ name: 'sovereign', version, wasm: coreModule({ salt: `s${version}` }), ...more });
    const served = async (): Promise<unknown> =>
      (await test.client.routes.get('sovereign')).targets.map(({ nodeId, moduleId }) => [nodeId, moduleId]).sort();
    try {
      await register('1.0.0', { allowedRegions: ['eu-central'] });
      await register('2.0.0');
      await deployAs('sovereign-v1.0.0');
      const everywhere = await deployAs('sovereign-v2.0.0');
      const { releases } = await test.client.releases.list({ moduleName: 'sovereign' });
      const toReleaseId = releases.find(({ version }) => version === '1.0.0')?.releaseId ?? '';
      const rollBack = (body: object) =>
        test.send('POST', `/api/v1/wasm/deployments/${everywhere}/rollback`, { body: { toReleaseId, ...body } });
      for (const [body, pointer] of [
        [{}, '/toReleaseId'],
        [{ regions: ['eu-central', 'us-east'] }, '/regions/1'],
      ] as const) {
        const refused = await rollBack(body);
        expect([refused.status, refused.body['code'], refused.body['errors']]).toEqual([
          400,
          'HS_SELECT_REGION_FORBIDDEN',
          [{ pointer, detail: 'must be one of eu-central' }],
        ]);
      }
      expect((await rollBack({ regions: ['eu-central'] })).status).toBe(202);
      await expect.poll(served, { timeout: 20_000 }).toEqual([
        ['edge-1', 'sovereign-v2.0.0'],
        ['edge-2', 'sovereign-v1.0.0'],
      ]);
    } finally {
      await far.stop();
    }
  });
});
