import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const api = '/api/v1/wasm';

describe('of several changes by one ETag that come at once, one is made and all others are refused', () => {
  let test: TestServer;
  let agent: ScriptedAgent;
  let releaseId: string;

  beforeAll(async () => {
    test = await startTestServer();
    const { token: joinToken } = await test.client.nodes.createJoinToken();
    agent = new ScriptedAgent({ url: test.url, nodeId: 'edge-1', region: 'us-east', joinToken });
    await agent.start();
    await test.client.modules.register({ name: 'greeter', version: '1.0.0', wasm: coreModule() });
    const created = await test.client.deployments.create({ moduleId: 'greeter-v1.0.0', strategy: 'AllAtOnce' });
    ({ releaseId } = created);
    await test.client.deployments.execute(created.deploymentId);
    for await (const event of test.client.deployments.watch(created.deploymentId))
      if (event.kind === 'status' && event.deployment.status === 'Failed') expect.unreachable('it failed');
  });
  afterAll(async () => {
    await agent.stop();
    await test[Symbol.asyncDispose]();
  });

  const tagOf = async (path: string): Promise<string> =>
    (await test.send('GET', path)).headers.get('etag') ?? expect.unreachable(path);

  /** Statuses of requests that are all under way before any is answered. */
  async function statuses(
    path: string,
    requests: readonly { readonly method?: string; readonly path?: string; readonly body?: unknown }[],
  ): Promise<readonly number[]> {
    const tag = await tagOf(path);
    const answers = await Promise.all(
      requests.map(({ method = 'PUT', body, path: other = path }) =>
        test.send(method, other, { headers: { 'if-match': tag }, ...(body === undefined ? {} : { body }) }),
      ),
    );
    for (const { status, body } of answers) if (status === 412) expect(body).toMatchObject({ code: 'HS_API_STALE' });
    return answers.map(({ status }) => status).sort();
  }
  const four = [1, 2, 3, 4] as const;

  it('of the policy', async () => {
    const bodies = four.map((n) => ({ body: { approvals: { '*': { required: n } } } }));
    expect(await statuses('/api/v1/policy', bodies)).toEqual([200, 412, 412, 412]);
    await test.send('PUT', '/api/v1/policy', { body: {} });
  });

  it('of a user', async () => {
    const user = await test.client.auth.users.create({
      ...{ username: 'dora', password: 'correct horse battery', role: 'viewer' },
    });
    const path = `/api/v1/auth/users/${user.userId}`;
    const bodies = (['free', 'basic', 'pro'] as const).map((tier) => ({ body: { tier } }));
    expect(await statuses(path, bodies)).toEqual([200, 412, 412]);
  });

  it('of a node', async () => {
    const bodies = four.map((n) => ({ body: { labels: { n: String(n) } } }));
    expect(await statuses(`${api}/nodes/edge-1`, bodies)).toEqual([200, 412, 412, 412]);
  });

  it('of a route', async () => {
    const bodies = four.map(() => ({ body: { weights: { [releaseId]: 100 } } }));
    expect(await statuses(`${api}/routes/greeter`, bodies)).toEqual([200, 412, 412, 412]);
  });

  it('of a deployment', async () => {
    const { deploymentId } = await test.client.deployments.create({ moduleId: 'greeter-v1.0.0', strategy: 'Rolling' });
    const path = `${api}/deployments/${deploymentId}`;
    const commands = (['abort', 'execute', 'abort'] as const).map((command) => ({
      ...{ method: 'POST', path: `${path}/${command}`, body: {} },
    }));
    expect(await statuses(path, commands)).toEqual([202, 412, 412]);
    await test.client.deployments.abort(deploymentId).catch(() => undefined);
  });

  it('of a module', async () => {
    const path = `${api}/modules/spare-v1.0.0`;
    const register = (salt: string): Promise<unknown> =>
      test.client.modules.register({ name: 'spare', version: '1.0.0', wasm: coreModule({ salt }) });
    await register('a');
    const tag = await tagOf(path);
    await test.client.modules.delete('spare-v1.0.0');
    await register('b');
    expect((await test.send('DELETE', path, { headers: { 'if-match': tag } })).status).toBe(412);
    expect((await test.send('GET', path, { headers: { 'if-none-match': tag } })).status).toBe(200);
    expect(await statuses(path, [{ method: 'DELETE' }, { method: 'DELETE' }])).toEqual([204, 404]);
  });

  it('of an interface', async () => {
    const register = (version: string, type: string): Promise<unknown> =>
      test.client.interfaces.register({
        name: 'acme:img',
        version,
        wit: `interface a { type t = ${type}; f: func(x: t); }`,
      });
    await register('1.0.0', 'u8');
    await register('1.1.0', 'u16');
    const path = `${api}/interfaces/acme:img/1.1.0`;
    const decisions = (['approve', 'reject'] as const).map((decision) => ({
      ...{ method: 'POST', path: `${path}/${decision}`, body: {} },
    }));
    expect(await statuses(path, decisions)).toEqual([200, 412]);
  });
});

describe('an approval of an interface', () => {
  let test: TestServer;
  beforeAll(async () => {
    test = await startTestServer();
  });
  afterAll(() => test[Symbol.asyncDispose]());

  it('holds for the text that was read and for no other', async () => {
    const { interfaces } = test.client;
    const register = (version: string, type: string): Promise<{ revision: number }> =>
      interfaces.register({ name: 'acme:img', version, wit: `interface a { type t = ${type}; f: func(x: t); }` });
    await register('1.0.0', 'u8');
    const read = await register('1.1.0', 'u16');
    const path = `${api}/interfaces/acme:img/1.1.0`;
    const tag = (await test.send('GET', path)).headers.get('etag') ?? '';
    await interfaces.reject('acme:img', '1.1.0');
    const other = await register('1.1.0', 'u32');
    expect(other.revision).toBeGreaterThan(read.revision);
    await expect(interfaces.approve('acme:img', '1.1.0', { revision: read.revision })).rejects.toMatchObject({
      code: 'HS_API_STALE',
    });
    await expect(interfaces.approve('acme:img', '1.1.0', {}, { ifMatch: tag })).rejects.toMatchObject({
      code: 'HS_API_STALE',
    });
    await expect(interfaces.approve('acme:img', '1.1.0')).rejects.toMatchObject({
      code: 'HS_INTERFACE_APPROVAL_UNBOUND',
      message: expect.stringContaining(`\`revision\` ${String(other.revision)}`) as string,
    });
    expect(await interfaces.get('acme:img', '1.1.0')).toMatchObject({ status: 'PendingApproval' });
    expect(await interfaces.approve('acme:img', '1.1.0', { revision: other.revision })).toMatchObject({
      status: 'Approved',
      wit: expect.stringContaining('u32') as string,
    });
  });
});
