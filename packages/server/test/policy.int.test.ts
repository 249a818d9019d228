import type { HotSwapClient, PutPolicyRequest } from '@hotswap/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { freeze, PolicyScene } from './policy-scene.ts';
import { startTestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const path = '/api/v1/policy';
const deployments = '/api/v1/wasm/deployments';
const hourMs = 3_600_000;
const inHours = (hours: number): string => new Date(Date.now() + hours * hourMs).toISOString();
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
/** A window of an hour that opens in three days. */
const farWindow = {
  timeZone: 'UTC',
  days: [days[(new Date().getUTCDay() + 3) % 7] ?? 'mon'],
  from: '10:00',
  to: '11:00',
} as const;

describe('the policy of a tenant', () => {
  let scene: PolicyScene;
  let version = 0;
  const as = (who: string): HotSwapClient => scene.as(who);
  const tokenOf = (who: string): string => scene.tokens[who] ?? '';

  beforeAll(async () => {
    scene = await PolicyScene.open({
      ...{ environment: 'Production', requireApproval: false, host: '127.0.0.1' },
      moduleRegistrationsPerMinute: 1_000,
    });
  });
  afterAll(() => scene[Symbol.asyncDispose]());
  afterEach(async () => {
    await put({});
  });

  const put = (policy: PutPolicyRequest) => scene.put(policy);
  const register = async (): Promise<string> => {
    version++;
    const wasm = coreModule({ salt: String(version) });
    return (await as('ada').modules.register({ name: 'greeter', version: `1.${version}.0`, wasm })).moduleId;
  };
  const create = async (who: string, more: object = {}): Promise<string> => {
    const moduleId = await register();
    return (await as(who).deployments.create({ moduleId, strategy: 'AllAtOnce', ...more })).deploymentId;
  };
  const post = async (who: string, id: string, command: string, body: object = {}) => {
    const answer = await scene.test.send('POST', `${deployments}/${id}/${command}`, { body, token: tokenOf(who) });
    return [answer.status, answer.body['code'] ?? answer.body['status']];
  };
  const ends = (id: string, status = 'Completed'): Promise<void> =>
    vi.waitFor(async () => expect((await as('dev').deployments.get(id)).status).toBe(status), { timeout: 20_000 });
  const abort = (id: string) => as('ada').deployments.abort(id);

  describe('as a resource', () => {
    it('is without rules until it is set, is given back as it was set, and can be sent back', async () => {
      const empty = { approvals: {}, changeWindows: {}, freezes: [] };
      const before = await as('ada').policy.get();
      expect(before).toMatchObject(empty);
      const policy: PutPolicyRequest = {
        approvals: { '*': { required: 1 }, Production: { required: 2, approvers: { users: ['Ada', 'idp:X'] } } },
        changeWindows: { Staging: [farWindow] },
        freezes: [freeze],
      };
      const set = await put(policy);
      expect(set).toEqual({
        ...policy,
        approvals: { '*': { required: 1 }, Production: { required: 2, approvers: { users: ['ada', 'idp:X'] } } },
        revision: before.revision + 1,
      });
      expect(await as('ada').policy.get()).toEqual(set);
      expect(await put(set)).toEqual(set);
      expect(await put({})).toEqual({ ...empty, revision: set.revision + 1 });
    });

    it('holds a change to the revision that was read, by ETag or by the revision in it', async () => {
      const { headers, body } = await scene.test.send('GET', path, { token: tokenOf('ada') });
      const tag = headers.get('etag') ?? '';
      const send = (headersOf: Record<string, string>, more: object) =>
        scene.test.send('PUT', path, {
          body: { approvals: { '*': { required: 1 } }, ...more },
          headers: headersOf,
          token: tokenOf('ada'),
        });
      expect((await send({ 'if-match': tag }, {})).status).toBe(200);
      for (const [sent, more] of [
        [{ 'if-match': tag }, {}],
        [{}, { revision: body['revision'] }],
      ] as const)
        expect(await send(sent, { ...more, approvals: {} })).toMatchObject({
          status: 412,
          body: { code: 'HS_API_STALE' },
        });
    });

    it('goes on record with each rule as it was and as it is, and only when something changes', async () => {
      await put({ approvals: { Production: { required: 2 } }, freezes: [freeze] });
      await put({ approvals: { Production: { required: 2 } }, freezes: [freeze] });
      await put({ approvals: { Production: { required: 3 } } });
      const { acts } = await as('ada').audit.list({ action: 'policy.change', limit: 2, order: 'desc' });
      expect(acts).toMatchObject([
        {
          actor: 'ada',
          role: 'admin',
          object: 'policy',
          facts: {
            changes: [
              { pointer: '/approvals/Production', before: { required: 2 }, after: { required: 3 } },
              { pointer: '/freezes', before: freeze, after: null },
            ],
          },
        },
        {
          facts: {
            changes: [
              { pointer: '/approvals/Production', before: null },
              { before: null, after: freeze },
            ],
          },
        },
      ]);
    });

    it('is of admins, each of the own tenant', async () => {
      for (const who of ['dev', 'grace']) {
        expect((await scene.test.send('GET', path, { token: tokenOf(who) })).status).toBe(403);
        expect((await scene.test.send('PUT', path, { token: tokenOf(who), body: {} })).status).toBe(403);
      }
      await put({ freezes: [freeze] });
      expect(await as('foreigner').policy.get()).toEqual({
        approvals: {},
        changeWindows: {},
        freezes: [],
        revision: 0,
      });
    });

    it.each([
      ['no body', undefined, ''],
      ['an unknown member', { trustedKeys: [] }, '/trustedKeys'],
      ['an unknown environment', { approvals: { Live: { required: 1 } } }, '/approvals/Live'],
      ['no approvals', { approvals: { '*': { required: 0 } } }, '/approvals/*/required'],
      ['half an approval', { approvals: { '*': { required: 1.5 } } }, '/approvals/*/required'],
      [
        'more approvals than approvers',
        { approvals: { Production: { required: 3, approvers: { users: ['ada', 'grace'] } } } },
        '/approvals/Production/required',
      ],
      ['nobody as approvers', { approvals: { '*': { required: 1, approvers: {} } } }, '/approvals/*/approvers'],
      [
        'an approver twice',
        { approvals: { '*': { required: 1, approvers: { users: ['ada', 'ADA'] } } } },
        '/approvals/*/approvers/users/1',
      ],
      [
        'a role that only reads',
        { approvals: { '*': { required: 1, approvers: { roles: ['viewer'] } } } },
        '/approvals/*/approvers/roles/0',
      ],
      ['approvals for days', { approvals: { '*': { required: 1, validFor: 'P2D' } } }, '/approvals/*/validFor'],
      [
        'a place that is none',
        { changeWindows: { '*': [{ ...farWindow, timeZone: 'Mars/Olympus' }] } },
        '/changeWindows/*/0/timeZone',
      ],
      ['no windows', { changeWindows: { Production: [] } }, '/changeWindows/Production'],
      ['windows over each other', { changeWindows: { '*': [farWindow, farWindow] } }, '/changeWindows/*/1'],
      ['an empty window', { changeWindows: { '*': [{ ...farWindow, to: '10:00' }] } }, '/changeWindows/*/0/to'],
      ['a freeze that ends before it begins', { freezes: [{ ...freeze, until: inHours(-2) }] }, '/freezes/0/until'],
      ['a freeze without a reason', { freezes: [{ ...freeze, reason: ' ' }] }, '/freezes/0/reason'],
      ['a freeze without a time', { freezes: [{ ...freeze, from: 'Friday' }] }, '/freezes/0/from'],
      ['a day that does not exist', { freezes: [{ ...freeze, until: '2030-02-30T00:00:00Z' }] }, '/freezes/0/until'],
      ['too many freezes', { freezes: Array.from({ length: 101 }, () => freeze) }, '/freezes'],
      ['a list', [], ''],
      ['null', null, ''],
    ])('refuses %s with a pointer to it', async (_, body, pointer) => {
      const before = await as('ada').policy.get();
      const answer = await scene.test.send('PUT', path, { body, token: tokenOf('ada') });
      expect(answer).toMatchObject({ status: 400, body: { code: 'HS_API_INVALID_REQUEST' } });
      expect((answer.body['errors'] as { pointer: string }[]).map((error) => error.pointer)).toContain(pointer);
      expect(await as('ada').policy.get()).toEqual(before);
    });
  });

  describe('on approvals', () => {
    it('needs N different approvers of those it names, each in the journal and in the view', async () => {
      await put({ approvals: { Production: { required: 2, approvers: { users: ['grace'], roles: ['admin'] } } } });
      const id = await create('dev');
      expect(await as('dev').deployments.get(id)).toMatchObject({
        status: 'PendingApproval',
        requireApproval: true,
        approvals: { required: 2, approvers: { users: ['grace'], roles: ['admin'] }, given: [] },
      });
      expect(await post('dev', id, 'approve')).toEqual([403, 'HS_AUTH_FORBIDDEN']);
      expect(await post('ada', id, 'execute')).toEqual([409, 'HS_DEPLOYMENT_APPROVALS_MISSING']);
      expect(await post('grace', id, 'approve')).toEqual([202, 'PendingApproval']);
      expect(await post('grace', id, 'approve')).toEqual([202, 'PendingApproval']);
      expect(await post('grace', id, 'execute')).toEqual([403, 'HS_AUTH_FORBIDDEN']);
      expect(await as('dev').deployments.get(id)).toMatchObject({ approvals: { given: [{ by: 'grace' }] } });
      expect(await as('dev').deployments.get(id)).not.toHaveProperty('approval');
      expect(await post('ada', id, 'approve')).toEqual([202, 'Pending']);
      expect(await as('dev').deployments.get(id)).toMatchObject({
        approval: { by: 'ada' },
        approvals: { given: [{ by: 'grace' }, { by: 'ada' }] },
      });
      expect(await post('linus', id, 'execute')).toEqual([202, 'InProgress']);
      await ends(id);
      const { entries } = await as('dev').deployments.journal(id);
      expect(entries.filter(({ type }) => type === 'approved').map(({ actor }) => actor)).toEqual(['grace', 'ada']);
      expect(entries[0]?.explanation).toContain('2 different approvals are needed');
    });

    it('takes the execution by an approver as the last one that is missing, and nobody else’s', async () => {
      await put({ approvals: { '*': { required: 2, approvers: { users: ['grace', 'ada'] } } } });
      const id = await create('dev');
      expect(await post('grace', id, 'approve')).toEqual([202, 'PendingApproval']);
      expect(await post('linus', id, 'approve')).toEqual([403, 'HS_AUTH_NOT_APPROVER']);
      expect(await post('linus', id, 'execute')).toEqual([403, 'HS_AUTH_NOT_APPROVER']);
      expect(await post('ada', id, 'execute')).toEqual([202, 'InProgress']);
      await ends(id);
    });

    it('counts the author where the rule says so', async () => {
      await put({ approvals: { '*': { required: 1 } } });
      const first = await create('ada');
      expect(await post('ada', first, 'approve')).toEqual([409, 'HS_AUTH_SELF_APPROVAL']);
      expect(await post('ada', first, 'execute')).toEqual([409, 'HS_AUTH_SELF_APPROVAL']);
      await abort(first);
      await put({ approvals: { '*': { required: 1, allowAuthor: true } } });
      const second = await create('ada');
      expect(await post('ada', second, 'execute')).toEqual([202, 'InProgress']);
      await ends(second);
    });

    it('refuses a deployment that could never be approved', async () => {
      await put({ approvals: { '*': { required: 2, approvers: { users: ['dev', 'ada'] } } } });
      const answer = await scene.test.send('POST', deployments, {
        body: { moduleId: await register() },
        token: tokenOf('dev'),
      });
      expect(answer).toMatchObject({ status: 409, body: { code: 'HS_DEPLOYMENT_TOO_FEW_APPROVERS' } });
      await abort(await create('grace'));
    });

    it('holds for what is created later, and not for what was created before', async () => {
      const before = await create('dev');
      await put({ approvals: { '*': { required: 2 } } });
      expect(await post('ada', before, 'execute')).toEqual([202, 'InProgress']);
      await ends(before);
      const after = await create('dev');
      await put({});
      expect(await post('ada', after, 'execute')).toEqual([409, 'HS_DEPLOYMENT_APPROVALS_MISSING']);
      expect(await post('grace', after, 'reject')).toEqual([403, 'HS_AUTH_FORBIDDEN']);
      expect(await post('linus', after, 'reject')).toEqual([202, 'Cancelled']);
    });
  });

  describe('on times', () => {
    it('lets a deployment outside of its windows be created and approved, and refuses its execution with the next time', async () => {
      await put({
        approvals: { '*': { required: 1, validFor: 'PT24H' } },
        changeWindows: { Production: [farWindow], '*': [{ timeZone: 'UTC', from: '00:00', to: '24:00' }] },
      });
      const id = await create('dev');
      expect(await post('ada', id, 'approve')).toEqual([202, 'Pending']);
      const { status, body } = await scene.test.send('POST', `${deployments}/${id}/execute`, {
        body: {},
        token: tokenOf('ada'),
      });
      expect([status, body['code'], body['retryable']]).toEqual([409, 'HS_DEPLOYMENT_OUTSIDE_WINDOW', true]);
      const { allowedAt } = body['details'] as { allowedAt: string };
      expect(allowedAt).toMatch(/T10:00:00\.000Z$/);
      expect(days[new Date(allowedAt).getUTCDay()]).toBe(farWindow.days[0]);
      expect(Date.parse(allowedAt)).toBeGreaterThan(Date.now());
      expect(await as('dev').deployments.get(id)).toMatchObject({ status: 'Pending', approval: { by: 'ada' } });
      await put({ changeWindows: { '*': [{ timeZone: 'UTC', from: '00:00', to: '24:00' }] } });
      expect(await post('ada', id, 'execute')).toEqual([202, 'InProgress']);
      await ends(id);
    });

    it('begins nothing in a freeze, unless an admin sets it aside and says why; both go on record', async () => {
      await put({ freezes: [freeze, { ...freeze, environments: ['Staging'], until: inHours(50) }] });
      const id = await create('dev');
      const { body } = await scene.test.send('POST', `${deployments}/${id}/execute`, {
        body: {},
        token: tokenOf('ada'),
      });
      expect(body).toMatchObject({
        code: 'HS_DEPLOYMENT_FROZEN',
        details: { allowedAt: freeze.until, reason: 'Black Friday', environment: 'Production' },
      });
      expect(await post('dev', id, 'execute', { override: { reason: 'mine' } })).toEqual([403, 'HS_AUTH_FORBIDDEN']);
      expect(await post('ada', id, 'execute', { override: { reason: ' ' } })).toEqual([400, 'HS_API_INVALID_REQUEST']);
      expect(await post('ada', id, 'execute', { override: { reason: 'the shop is down' } })).toEqual([
        202,
        'InProgress',
      ]);
      await ends(id);
      const { entries } = await as('dev').deployments.journal(id);
      expect(entries.find(({ type }) => type === 'command')?.explanation).toBe(
        'ada asked for execute, setting aside a freeze: the shop is down.',
      );
      const { acts } = await as('ada').audit.list({ action: 'deployment.execute', object: id });
      expect(acts).toMatchObject([
        { actor: 'ada', facts: { override: 'HS_DEPLOYMENT_FROZEN', overrideReason: 'the shop is down' } },
      ]);
    });

    it('executes with the same Idempotency-Key once the freeze that refused it is over', async () => {
      await put({ freezes: [freeze] });
      const id = await create('dev');
      const execute = async (): Promise<unknown> => {
        const headers = { 'idempotency-key': 'night-1' };
        const sent = { body: {}, token: tokenOf('ada'), headers };
        const answer = await scene.test.send('POST', `${deployments}/${id}/execute`, sent);
        return [answer.status, answer.body['code'], answer.headers.get('idempotency-replayed')];
      };
      expect(await execute()).toEqual([409, 'HS_DEPLOYMENT_FROZEN', null]);
      expect(await execute()).toEqual([409, 'HS_DEPLOYMENT_FROZEN', null]);
      await put({});
      expect(await execute()).toEqual([202, undefined, null]);
      expect(await execute()).toEqual([202, undefined, 'true']);
      await ends(id);
    });

    it('does not take an override for an approval', async () => {
      await put({ freezes: [freeze], approvals: { '*': { required: 2 } } });
      const id = await create('dev');
      expect(await post('ada', id, 'execute', { override: { reason: 'now' } })).toEqual([
        409,
        'HS_DEPLOYMENT_APPROVALS_MISSING',
      ]);
      await abort(id);
    });

    it('never stands in the way back: abort, rollback and undo', async () => {
      const first = await create('dev');
      await post('ada', first, 'execute');
      await ends(first);
      const second = await create('dev', { retention: 'PT0.2S' });
      await post('ada', second, 'execute');
      await ends(second);
      const third = await create('dev', {
        strategy: 'Canary',
        strategyConfig: { stages: [50, 100], evaluationPeriod: 'PT10M' },
      });
      await post('ada', third, 'execute');
      await put({ freezes: [freeze], changeWindows: { '*': [farWindow] } });
      expect((await post('ada', third, 'rollback', { reason: 'slow' }))[0]).toBe(202);
      await ends(third, 'RolledBack');
      const pending = await create('dev');
      expect(await post('dev', pending, 'abort')).toEqual([202, 'Cancelled']);

      const { previousReleaseId } = await as('dev').deployments.get(second);
      const { moduleId } = await as('dev').releases.get(previousReleaseId ?? '');
      const back = await as('dev').deployments.create({ moduleId, strategy: 'AllAtOnce', undoes: second });
      expect(back).toMatchObject({ undoes: second, releaseId: previousReleaseId });
      expect(await post('ada', back.deploymentId, 'execute')).toEqual([202, 'InProgress']);
      await ends(back.deploymentId);
    });

    it('takes no deployment for a way back whose release did not serve before', async () => {
      const served = await create('dev');
      await post('ada', served, 'execute');
      await ends(served);
      await put({ freezes: [freeze] });
      const id = await create('dev', { undoes: served });
      expect(await as('dev').deployments.get(id)).not.toHaveProperty('undoes');
      expect(await post('ada', id, 'execute')).toEqual([409, 'HS_DEPLOYMENT_FROZEN']);
      await abort(id);
      const answer = await scene.test.send('POST', deployments, {
        body: { moduleId: await register(), undoes: 'deploy-none' },
        token: tokenOf('dev'),
      });
      expect(answer).toMatchObject({ status: 404, body: { code: 'HS_DEPLOYMENT_NOT_FOUND' } });
    });

    describe('with several releases that have served', () => {
      let modules: readonly string[];
      let ids: readonly string[];
      const rollOut = async (moduleId: string, more: object = {}): Promise<string> => {
        const { deploymentId } = await as('dev').deployments.create({ moduleId, strategy: 'AllAtOnce', ...more });
        expect(await post('ada', deploymentId, 'execute')).toEqual([202, 'InProgress']);
        await ends(deploymentId);
        return deploymentId;
      };
      const goBack = async (moduleId: string | undefined, undoes: string | undefined, more: object = {}) => {
        const names = { moduleId: moduleId ?? '', undoes: undoes ?? '' };
        const created = await as('dev').deployments.create({ strategy: 'AllAtOnce', ...names, ...more });
        return { id: created.deploymentId, undoes: created.undoes };
      };

      beforeAll(async () => {
        modules = [await register(), await register(), await register()];
        const made: string[] = [];
        for (const moduleId of modules) made.push(await rollOut(moduleId));
        ids = made;
      });

      it('takes nothing for a way back from what does not serve any more', async () => {
        await put({ freezes: [freeze] });
        const { id, undoes } = await goBack(modules[0], ids[1]);
        expect([undoes, await post('ada', id, 'execute')]).toEqual([undefined, [409, 'HS_DEPLOYMENT_FROZEN']]);
        await abort(id);
      });

      it('takes no other regions for a way back than those it goes back from', async () => {
        const here = await rollOut(modules[2] ?? '', { targetRegions: ['us-east'] });
        await put({ freezes: [freeze] });
        const everywhere = await goBack(modules[1], here);
        expect(everywhere.undoes).toBeUndefined();
        await abort(everywhere.id);
        const there = await goBack(modules[1], here, { targetRegions: ['us-east'] });
        expect(there.undoes).toBe(here);
        await abort(there.id);
      });

      it('holds it again once what it goes back from has gone back by itself', async () => {
        const latest = await rollOut(modules[2] ?? '');
        await put({ freezes: [freeze] });
        const { id, undoes } = await goBack(modules[1], latest);
        expect(undoes).toBe(latest);
        expect((await post('ada', latest, 'rollback'))[0]).toBe(202);
        await ends(latest, 'RolledBack');
        expect(await post('ada', id, 'execute')).toEqual([409, 'HS_DEPLOYMENT_FROZEN']);
        await abort(id);
      });

      it('goes back further and further, and never forward again', async () => {
        const latest = await rollOut(await register());
        await put({ freezes: [freeze] });
        const back = await goBack(modules[1], latest);
        expect([back.undoes, await post('ada', back.id, 'execute')]).toEqual([latest, [202, 'InProgress']]);
        await ends(back.id);
        const forward = await goBack(modules[2], back.id);
        expect([forward.undoes, await post('ada', forward.id, 'execute')]).toEqual([
          undefined,
          [409, 'HS_DEPLOYMENT_FROZEN'],
        ]);
        await abort(forward.id);
        const further = await goBack(modules[0], back.id);
        expect([further.undoes, await post('ada', further.id, 'execute')]).toEqual([back.id, [202, 'InProgress']]);
        await ends(further.id);
      });

      it('rolls back to no release that has never served, and to each that has', async () => {
        const latest = await rollOut(await register());
        await put({ freezes: [freeze], approvals: { '*': { required: 2 } } });
        const unapproved = await create('ada');
        const { releaseId: toReleaseId } = await as('ada').deployments.get(unapproved);
        await abort(unapproved);
        const { status, body } = await scene.test.send('POST', `${deployments}/${latest}/rollback`, {
          body: { toReleaseId },
          token: tokenOf('ada'),
        });
        expect([status, body['code'], body['detail']]).toEqual([
          409,
          'HS_DEPLOYMENT_COMMAND_REFUSED',
          `rollback is not possible while the deployment is Completed: ${toReleaseId} has never served: deploy it`,
        ]);
        const { releaseId } = await as('ada').deployments.get(ids[1] ?? '');
        expect((await post('ada', latest, 'rollback', { toReleaseId: releaseId }))[0]).toBe(202);
        await ends(latest, 'RolledBack');
        expect((await as('ada').routes.get('greeter')).releases).toMatchObject([{ releaseId }]);
      });
    });

    it('outlives a restart of the server', async () => {
      const set = await put({ freezes: [freeze], approvals: { '*': { required: 2 } } });
      const id = await create('dev');
      expect(await post('linus', id, 'approve')).toEqual([202, 'PendingApproval']);
      await scene.restart();
      expect(await as('ada').policy.get()).toEqual(set);
      expect(await as('dev').deployments.get(id)).toMatchObject({ approvals: { given: [{ by: 'linus' }] } });
      expect(await post('ada', id, 'execute')).toEqual([409, 'HS_DEPLOYMENT_FROZEN']);
      await put({});
      expect(await post('ada', id, 'execute')).toEqual([202, 'InProgress']);
      await ends(id);
    });
  });
});

describe('a server that wants approvals by its own configuration', () => {
  it('has no rule lift that for authors', async () => {
    await using test = await startTestServer({ requireApproval: true });
    for (const key of ['*', 'Development']) {
      const { status, body } = await test.send('PUT', path, {
        body: { approvals: { [key]: { required: 1, allowAuthor: true } } },
      });
      expect([status, body['errors']]).toEqual([
        400,
        [{ pointer: `/approvals/${key}/allowAuthor`, detail: expect.stringContaining('requireApproval') as string }],
      ]);
    }
    expect(
      (await test.send('PUT', path, { body: { approvals: { Production: { required: 1, allowAuthor: true } } } }))
        .status,
    ).toBe(200);
  });
});
