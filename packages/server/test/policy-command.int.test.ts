import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { HotSwapClient, PutPolicyRequest } from '@hotswap/protocol';
import { freeze, PolicyScene } from './policy-scene.ts';
import { runCommandLine } from './run-command-line.ts';
import { coreModule } from './v8-inspector.ts';

const base = ['run', 'health_check'];

describe('hotswap under a policy', () => {
  let scene: PolicyScene;
  let version = 0;
  const as = (who: string): HotSwapClient => scene.as(who);
  const cli = (who: string, ...args: string[]) =>
    runCommandLine({ url: scene.test.url, token: scene.tokens[who] ?? '' }, ...args);
  const put = (policy: PutPolicyRequest) => scene.put(policy);
  const file = async (name: string, content: unknown): Promise<string> => {
    const path = join(scene.dataDir, name);
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };

  beforeAll(async () => {
    scene = await PolicyScene.open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());
  afterEach(async () => {
    await put({});
  });

  /** New versions of `tax`, and of `price`, which imports it. */
  const register = async (): Promise<{ readonly tax: string; readonly price: string }> => {
    version++;
    const wasm = {
      tax: coreModule({ salt: `tax${String(version)}`, exports: [...base, 'rates'] }),
      price: coreModule({ salt: `price${String(version)}`, imports: [['tax', 'rates']] }),
    };
    for (const name of ['tax', 'price'] as const)
      await as('ada').modules.register({ name, version: `1.${String(version)}.0`, wasm: wasm[name] });
    return { tax: `tax-v1.${String(version)}.0`, price: `price-v1.${String(version)}.0` };
  };
  const trainEnds = async (trainId: string, status: string): Promise<void> => {
    await expect.poll(async () => (await as('dev').trains.get(trainId)).status, { timeout: 30_000 }).toBe(status);
  };
  const ends = async (id: string): Promise<void> => {
    await expect.poll(async () => (await as('dev').deployments.get(id)).status, { timeout: 20_000 }).toBe('Completed');
  };

  it('writes the policy as it takes it, and says what is wrong with another one', async () => {
    const set = await cli('ada', 'policy', 'set', await file('policy.json', { freezes: [freeze] }));
    expect([set.code, set.out]).toEqual([0, expect.stringMatching(/^the policy is at revision \d+\n$/)]);
    const read = await cli('ada', 'policy', 'get');
    expect(JSON.parse(read.out)).toMatchObject({ approvals: {}, changeWindows: {}, freezes: [freeze] });
    expect((await cli('ada', 'policy', 'set', await file('again.json', read.out))).code).toBe(0);
    await put({});
    const stale = await cli('ada', 'policy', 'set', await file('again.json', read.out));
    expect([stale.code, stale.err]).toEqual([expect.any(Number), expect.stringContaining('HS_API_STALE')]);
    const wrong = await cli('ada', 'policy', 'set', await file('wrong.json', { approvals: { '*': { required: 0 } } }));
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('/approvals/*/required')]);
    expect((await cli('ada', 'policy', 'set', await file('no.json', 'null'))).code).toBe(2);
    expect((await cli('dev', 'policy', 'get')).err).toContain('HS_AUTH_FORBIDDEN');
  });

  it('takes the example of the guide', async () => {
    const guide = await readFile(new URL('../../../docs/guides/policy.md', import.meta.url), 'utf8');
    const example = /```json\n([^]+?)```/.exec(guide)?.[1] ?? '';
    expect((await cli('ada', 'policy', 'set', await file('guide.json', example))).err).toBe('');
    expect(await as('ada').policy.get()).toMatchObject(JSON.parse(example) as object);
  });

  it('plans when an execution would be refused, and from when on not', async () => {
    const { tax, price } = await register();
    await put({ freezes: [freeze] });
    const refused = await cli('dev', 'plan', tax, '--strategy', 'AllAtOnce');
    expect([refused.code, refused.out]).toEqual([
      0,
      expect.stringContaining(`HS_DEPLOYMENT_FROZEN: Changes to Development are frozen (Black Friday)`),
    ]);
    expect(refused.out).toContain(`from ${freeze.until} on`);
    const train = await cli('dev', 'plan', tax, price, '--strategy', 'AllAtOnce');
    expect(train.out).toContain('HS_DEPLOYMENT_FROZEN');
    const later = await as('dev').deployments.simulate({
      deployment: { moduleId: tax, strategy: 'AllAtOnce' },
      startsAt: freeze.until,
    });
    expect(later).not.toHaveProperty('executeRefusal');
  });

  it('deploys in an emergency with an override, and undoes without one', async () => {
    const [first, second] = [(await register()).tax, (await register()).tax];
    const once = (await cli('ada', '-q', 'deploy', first, '--strategy', 'AllAtOnce', '-w')).out.trim();
    await ends(once);
    await put({ freezes: [freeze] });
    const refused = await cli('ada', 'deploy', second, '--strategy', 'AllAtOnce', '--id', 'deploy-late');
    expect([refused.code, refused.err]).toEqual([expect.any(Number), expect.stringContaining('HS_DEPLOYMENT_FROZEN')]);
    expect(refused.code).not.toBe(0);
    await cli('ada', 'abort', 'deploy-late');
    const forced = await cli(
      ...(['ada', '-q', 'deploy', second, '--strategy', 'AllAtOnce', '-w', '--retention', 'PT0.2S'] as const),
      ...['--override', 'the shop is down'],
    );
    expect(forced.code).toBe(0);
    const id = forced.out.trim();
    expect((await cli('ada', 'why', id)).out).toContain('setting aside a freeze: the shop is down');
    await expect
      .poll(async () => (await as('ada').deployments.get(id)).retainedUntil, { timeout: 20_000 })
      .toBeUndefined();
    const undone = await cli('ada', 'undo', 'tax', '-w');
    expect([undone.code, undone.out]).toEqual([0, expect.stringContaining(first)]);
    expect(
      (await cli('ada', 'status', (await as('ada').deployments.list({ limit: 1 })).deployments[0]?.deploymentId ?? ''))
        .out,
    ).toContain(`goes back from`);
  });

  it('says how many approvals are missing, and takes them', async () => {
    const { tax } = await register();
    await put({ approvals: { '*': { required: 2, approvers: { roles: ['developer', 'admin'] } } } });
    const created = await cli('dev', 'deploy', tax, '--strategy', 'AllAtOnce', '--id', 'deploy-two');
    expect(created.err).toContain('it needs 2 approvals: hotswap approve deploy-two');
    expect((await cli('grace', 'approve', 'deploy-two')).out).toMatch(/approvals:\s+1 of 2 \(grace\)/);
    expect((await cli('linus', 'approve', 'deploy-two')).out).toMatch(/approvals:\s+2 of 2 \(grace, linus\)/);
    expect((await cli('ada', 'execute', 'deploy-two', '-w')).code).toBe(0);
  });

  describe('with a train', () => {
    const create = async (who: string, trainId: string): Promise<string> => {
      const { tax, price } = await register();
      await as(who).trains.create({ moduleIds: [price, tax], trainId, strategy: 'AllAtOnce' });
      return trainId;
    };

    it('holds it to a freeze when it is executed; an override goes on record', async () => {
      await put({ freezes: [freeze] });
      const trainId = await create('dev', 'train-frozen');
      await expect(as('ada').trains.execute(trainId)).rejects.toMatchObject({
        code: 'HS_DEPLOYMENT_FROZEN',
        details: { what: trainId, allowedAt: freeze.until },
      });
      expect((await cli('ada', 'execute', trainId, '--override', 'the shop is down', '-w')).code).toBe(0);
      await trainEnds(trainId, 'Completed');
      const { acts } = await as('ada').audit.list({ action: 'train.execute', object: trainId });
      expect(acts).toMatchObject([{ actor: 'ada', facts: { reason: 'Sets aside a freeze: the shop is down' } }]);
    });

    it('goes on after a freeze has begun, and back at any time', async () => {
      const { tax, price } = await register();
      const { trainId } = await as('dev').trains.create({
        moduleIds: [price, tax],
        strategy: 'Canary',
        strategyConfig: { stages: [50, 100], evaluationPeriod: 'PT1S' },
      });
      await as('ada').trains.execute(trainId);
      await put({ freezes: [freeze] });
      await trainEnds(trainId, 'Completed');
      await as('ada').trains.rollback(trainId);
      await trainEnds(trainId, 'RolledBack');
    });

    it('needs the approvals of each member but the last, which is its execution', async () => {
      await put({ approvals: { '*': { required: 2, validFor: 'PT24H' } } });
      const trainId = await create('dev', 'train-two');
      await expect(as('ada').trains.execute(trainId)).rejects.toMatchObject({
        code: 'HS_DEPLOYMENT_APPROVALS_MISSING',
      });
      expect((await cli('linus', 'approve', trainId)).code).toBe(0);
      await expect(as('linus').trains.execute(trainId)).rejects.toMatchObject({
        code: 'HS_DEPLOYMENT_APPROVALS_MISSING',
      });
      await as('ada').trains.execute(trainId);
      await trainEnds(trainId, 'Completed');
      const { members } = await as('dev').trains.get(trainId);
      expect(members.map(({ deployment }) => deployment?.approvals?.given.map(({ by }) => by))).toEqual([
        ['linus', 'ada'],
        ['linus', 'ada'],
      ]);
    });

    it('takes no deployment to be undone', async () => {
      const { tax, price } = await register();
      const { status, body } = await scene.test.send('POST', '/api/v1/wasm/trains', {
        body: { moduleIds: [price, tax], undoes: 'deploy-1' },
      });
      expect([status, (body['errors'] as { pointer: string }[])[0]?.pointer]).toEqual([400, '/undoes']);
    });
  });
});
