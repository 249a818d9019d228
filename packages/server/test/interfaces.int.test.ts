import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const base = '/api/v1/wasm/interfaces';
const resize = (items: string): string => `interface resize { ${items} }`;

describe('the interface registry', () => {
  let test: TestServer;
  beforeAll(async () => {
    test = await startTestServer();
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const register = (version: string, items: string) =>
    test.client.interfaces.register({ name: 'acme:img', version, wit: resize(items) });

  it('approves a first version, and one that only adds', async () => {
    const first = await register('1.0.0', 'scale: func(w: u32) -> u32;');
    expect(first).toMatchObject({
      name: 'acme:img',
      version: '1.0.0',
      status: 'Approved',
      comparedWith: null,
      interfaces: ['acme:img/resize@1.0.0'],
      changes: [],
    });
    expect(first.wit).toContain('package acme:img@1.0.0;');
    const second = await register('1.1.0', 'scale: func(w: u32) -> u32; crop: func();');
    expect(second).toMatchObject({ status: 'Approved', comparedWith: '1.0.0' });
    expect(second.changes).toMatchObject([{ kind: 'additive', change: 'function-added' }]);
  });

  it('holds a version that breaks its range back until an admin approves it', async () => {
    const broken = await register('1.2.0', 'scale: func(w: u64) -> u32; crop: func();');
    expect(broken.status).toBe('PendingApproval');
    expect(broken.changes).toEqual([
      {
        kind: 'breaking',
        change: 'param-type-changed',
        direction: 'export',
        path: 'acme:img/resize@1.1.0#scale.param[0:w]',
        before: 'u32',
        after: 'u64',
      },
    ]);
    const approved = await test.client.interfaces.approve('acme:img', '1.2.0', { reason: 'nobody uses it' });
    expect(approved).toMatchObject({ status: 'Approved', reason: 'nobody uses it' });
    expect(approved.decidedBy).not.toBeNull();
    await expect(test.client.interfaces.approve('acme:img', '1.2.0')).rejects.toMatchObject({
      code: 'HS_INTERFACE_DECISION_REFUSED',
    });
  });

  it('lets a new major version break', async () => {
    expect(await register('2.0.0', 'other: func();')).toMatchObject({ status: 'Approved', comparedWith: null });
  });

  it('compares a version below another with that one as well', async () => {
    const between = await register('1.0.5', 'scale: func(w: u32) -> u32; extra: func();');
    expect(between).toMatchObject({ status: 'PendingApproval', comparedWith: '1.0.0' });
    expect(between.changes).toContainEqual(expect.objectContaining({ change: 'function-removed', kind: 'breaking' }));
    expect(await test.client.interfaces.reject('acme:img', '1.0.5')).toMatchObject({ status: 'Rejected' });
    expect(await register('1.0.5', 'scale: func(w: u32) -> u32;')).toMatchObject({ status: 'Approved' });
  });

  it('answers the same registration again, and refuses another text', async () => {
    const { status, headers } = await test.send('POST', base, {
      body: { name: 'acme:img', version: '1.0.0', wit: resize('scale: func(w: u32) -> u32;') },
    });
    expect(status).toBe(200);
    expect(headers.get('etag')).toMatch(/^"/);
    await expect(register('1.0.0', 'scale: func();')).rejects.toMatchObject({ code: 'HS_INTERFACE_EXISTS' });
  });

  it('reads packages that others refer to from the registry', async () => {
    await test.client.interfaces.register({
      name: 'acme:types',
      version: '1.0.0',
      wit: 'interface shapes { record size { w: u32 } }',
    });
    const user = await test.client.interfaces.register({
      name: 'acme:draw',
      version: '1.0.0',
      wit: 'interface draw { use acme:types/shapes@1.0.0.{size}; draw: func(s: size); }',
    });
    expect(user.status).toBe('Approved');
    await expect(
      test.client.interfaces.register({
        name: 'acme:draw',
        version: '1.1.0',
        wit: 'interface draw { use acme:none/shapes@1.0.0.{size}; }',
      }),
    ).rejects.toMatchObject({ code: 'HS_INTERFACE_UNRESOLVED' });
  });

  it('lists packages and versions, and deprecates', async () => {
    const { interfaces } = await test.client.interfaces.versions('acme:img');
    expect(interfaces.map(({ version }) => version).toSorted()).toEqual(['1.0.0', '1.0.5', '1.1.0', '1.2.0', '2.0.0']);
    expect(await test.client.interfaces.deprecate('acme:img', '1.0.0')).toMatchObject({ status: 'Deprecated' });
    expect((await test.client.interfaces.list({ status: 'Deprecated' })).interfaces).toHaveLength(1);
    await expect(test.client.interfaces.get('acme:img', '9.9.9')).rejects.toMatchObject({
      code: 'HS_INTERFACE_NOT_FOUND',
    });
  });

  it('says what a text would change and for whom, and stores nothing', async () => {
    await test.client.interfaces.declareConsumer('acme:img', '2.0.0', { consumer: 'shop', uses: ['resize#other'] });
    await test.client.interfaces.declareConsumer('acme:img', '2.0.0', { consumer: 'desk', uses: ['print'] });
    const report = await test.client.interfaces.validate({
      wit: `package acme:img@2.1.0; ${resize('another: func();')}`,
    });
    expect(report).toMatchObject({
      compatible: false,
      against: 'acme:img@2.0.0',
      consumers: [{ kind: 'declared', name: 'shop (acme:img@2.0.0)', paths: ['acme:img/resize@2.0.0#other'] }],
    });
    const explicit = await test.client.interfaces.validate({
      wit: `package acme:img@2.1.0; ${resize('other: func();')}`,
      against: 'acme:img@2.0.0',
    });
    expect(explicit).toMatchObject({ compatible: true, changes: [], consumers: [] });
    expect((await test.client.interfaces.versions('acme:img')).interfaces).toHaveLength(5);
    await test.client.interfaces.removeConsumer('acme:img', '2.0.0', 'desk');
    expect((await test.client.interfaces.get('acme:img', '2.0.0')).consumers).toMatchObject([{ consumer: 'shop' }]);
  });

  it.each([
    [{ name: 'acme', version: '1.0.0', wit: 'interface a {}' }, 'HS_API_INVALID_REQUEST'],
    [{ name: 'acme:img', version: '1', wit: 'interface a {}' }, 'HS_API_INVALID_REQUEST'],
    [{ name: 'acme:img', version: '3.0.0', wit: 'interface {' }, 'HS_INTERFACE_INVALID_WIT'],
    [
      { name: 'acme:img', version: '3.0.0', wit: 'package acme:img@3.0.1; interface a {}' },
      'HS_INTERFACE_NAME_MISMATCH',
    ],
    [
      {
        name: 'acme:img',
        version: '3.0.0',
        wit: `interface a { f: func(x: ${'list<'.repeat(500)}u8${'>'.repeat(500)}); }`,
      },
      'HS_INTERFACE_INVALID_WIT',
    ],
    [{ name: 'acme:img', version: '3.0.0', wit: ' '.repeat(600_000) }, 'HS_API_INVALID_REQUEST'],
  ])('refuses %j', async (body, code) => {
    const answer = await test.send('POST', base, { body });
    expect(answer.body).toMatchObject({ code });
    expect([400, 413]).toContain(answer.status);
  });
});

describe('the gate of deployments', () => {
  let test: TestServer;
  let agent: ScriptedAgent;
  beforeAll(async () => {
    test = await startTestServer();
    const { token } = await test.client.nodes.createJoinToken({ uses: 1 });
    agent = new ScriptedAgent({ url: test.url, nodeId: 'edge-1', region: 'us-east', joinToken: token });
    await agent.start();
  });
  afterAll(async () => {
    await agent.stop();
    await test[Symbol.asyncDispose]();
  });

  const push = (version: string, exports: readonly string[]) =>
    test.client.modules.register({
      name: 'calc',
      version,
      wasm: coreModule({ exports: [...exports, 'health_check'], salt: version }),
    });
  const create = (version: string, more: object = {}) =>
    test.client.deployments.create({ moduleId: `calc-v${version}`, strategy: 'AllAtOnce', ...more });
  const execute = async (deploymentId: string): Promise<void> => {
    await test.client.deployments.execute(deploymentId);
    for await (const event of test.client.deployments.watch(deploymentId))
      if (event.kind === 'status') expect(event.deployment.status).not.toBe('Failed');
  };

  it('names whom a new version would break, and where', async () => {
    await push('1.0.0', ['add', 'sub']);
    await execute((await create('1.0.0')).deploymentId);
    await test.client.modules.invoke('calc', 'add', {});
    await push('1.1.0', ['sub']);
    await expect(create('1.1.0')).rejects.toMatchObject({
      code: 'HS_INTERFACE_BREAKS_CONSUMERS',
      httpStatus: 409,
      details: {
        consumers: [{ kind: 'caller', name: expect.any(String) as string, paths: ['#add'] }],
        changes: [expect.objectContaining({ change: 'function-removed', path: '#add' })],
      },
    });
    const report = await test.client.interfaces.validate({ moduleId: 'calc-v1.1.0' });
    expect(report).toMatchObject({ compatible: false, against: 'calc-v1.0.0', consumers: [{ kind: 'caller' }] });
  });

  it('lets a version through that keeps what is called', async () => {
    await push('1.2.0', ['add']);
    expect(await create('1.2.0')).toMatchObject({ status: 'Pending' });
  });

  it('asks again when the deployment is executed', async () => {
    const { deployments } = await test.client.deployments.list();
    const waiting = deployments.find(({ moduleId }) => moduleId === 'calc-v1.2.0');
    await test.client.modules.invoke('calc', 'sub', {});
    await expect(test.client.deployments.execute(waiting?.deploymentId ?? '')).rejects.toMatchObject({
      code: 'HS_INTERFACE_BREAKS_CONSUMERS',
      details: { consumers: [{ paths: ['#sub'] }] },
    });
    await test.client.deployments.abort(waiting?.deploymentId ?? '');
  });

  it('gives way to an admin who says so', async () => {
    const { deploymentId } = await create('1.2.0', { allowBreaking: true });
    await execute(deploymentId);
    expect(await test.client.deployments.get(deploymentId)).toMatchObject({ status: 'Completed' });
  });
});
