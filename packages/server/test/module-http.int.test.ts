import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ModuleHttpRequest } from '@hotswap/protocol';
import { CredentialRepository, openDatabase } from '@hotswap/state-postgres';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const base = '/api/v1/wasm/http';

describe('HTTP of modules', () => {
  let dataDir: string;
  let test: TestServer;
  let agent: ScriptedAgent;
  const tokens: Record<string, string> = {};

  const register = (name: string, version: string, http: ModuleHttpRequest | null): Promise<unknown> =>
    test.client.modules.register({
      name,
      version,
      http,
      wasm: coreModule({ exports: ['hotswap_http_handle', 'health_check'], salt: version }),
    });
  const rollOut = async (moduleId: string, strategy = 'AllAtOnce', strategyConfig?: object): Promise<void> => {
    const { deploymentId } = await test.client.deployments.create({
      moduleId,
      strategy,
      ...(strategyConfig === undefined ? {} : { strategyConfig: strategyConfig as never }),
    });
    await test.client.deployments.execute(deploymentId);
    await vi.waitFor(
      async () => expect((await test.client.deployments.get(deploymentId)).status).toBe('Completed'),
      20_000,
    );
  };
  const ask = (path: string, token: string | null, init: RequestInit = {}): Promise<Response> =>
    fetch(`${test.url}${base}${path}`, {
      ...init,
      headers: { ...(init.headers as object), ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    });

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hotswap-http-'));
    const database = await openDatabase({ dataDir: join(dataDir, 'database') });
    const credentials = new CredentialRepository(database);
    for (const role of ['viewer', 'invoker', 'developer', 'metrics'])
      tokens[role] = (await credentials.create({ tenant: 'default', subject: role, role })).token;
    tokens['foreign'] = (await credentials.create({ tenant: 'other', subject: 'f', role: 'admin' })).token;
    await database[Symbol.asyncDispose]();
    test = await startTestServer({ dataDir }, { database: { dataDir: join(dataDir, 'database') } });
    const { token } = await test.client.nodes.createJoinToken();
    agent = new ScriptedAgent({ url: test.url, nodeId: 'edge-1', region: 'eu', joinToken: token });
    await agent.start();
    await register('shop', '1.0.0', { access: 'public' });
    await register('private', '1.0.0', {});
    await register('silent', '1.0.0', null);
    for (const moduleId of ['shop-v1.0.0', 'private-v1.0.0', 'silent-v1.0.0']) await rollOut(moduleId);
  });

  afterAll(async () => {
    await agent.stop();
    await test[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('tells of a module how it is reached and that it serves', async () => {
    expect(await test.client.modules.get('shop-v1.0.0')).toMatchObject({
      servesHttp: 'handler',
      http: { hosts: [], pathPrefix: '/', access: 'public', affinity: null },
      runtime: { reuse: null, fuel: null, simd: true, aotCache: true, stateful: false },
    });
    expect(agent.desired?.modules.find(({ moduleName }) => moduleName === 'private')?.releases[0]).toMatchObject({
      http: { access: 'keys' },
      runtime: { stateful: false },
    });
  });

  it.each([
    ['shop', null, 200],
    ['shop', 'viewer', 200],
    ['shop', 'invoker', 200],
    ['private', null, 401],
    ['private', 'viewer', 403],
    ['private', 'metrics', 403],
    ['private', 'agent', 403],
    ['private', 'invoker', 200],
    ['private', 'developer', 200],
    ['private', 'foreign', 404],
    ['silent', null, 401],
    ['silent', 'invoker', 404],
    ['nobody', null, 401],
    ['nobody', 'invoker', 404],
  ])('%s asked by %s answers %i, whatever the method', async (name, role, status) => {
    tokens['agent'] = agent.credential;
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const response = await ask(`/${name}/`, role === null ? null : (tokens[role] ?? ''), { method });
      await response.arrayBuffer();
      expect([method, response.status]).toEqual([method, status]);
    }
  });

  it('streams any body through, whatever its type, and says where it came in', async () => {
    const response = await ask('/shop/cart/items?id=1', null, {
      method: 'POST',
      body: '{"not json',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': '1.2.3.4', 'x-request-id': 'mine-1' },
    });
    expect([response.status, await response.text()]).toEqual([200, '{"not json']);
    const seen = JSON.parse(response.headers.get('x-seen') ?? '') as { url: string; headers: Record<string, string> };
    expect(seen).toMatchObject({ method: 'POST', url: '/http/shop/cart/items?id=1' });
    expect(seen.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-prefix': `${base}/shop`,
      'x-request-id': 'mine-1',
      'content-type': 'application/json',
    });
    expect(response.headers.get('x-request-id')).toBe('mine-1');
    expect(response.headers.get('content-security-policy')).toContain('sandbox');
    const plain = await ask('/shop', null);
    expect((JSON.parse(plain.headers.get('x-seen') ?? '') as { url: string }).url).toBe('/http/shop/');
  });

  it('writes nothing into an answer that has begun when the rest of its request is no HTTP', async () => {
    const { hostname, port } = new URL(test.url);
    const socket = connect(Number(port), hostname);
    socket.write(`POST ${base}/shop/ HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`);
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    await vi.waitFor(() => expect(answer).toContain('hello'), 5_000);
    socket.write('this is no chunk\r\n');
    await once(socket, 'close');
    expect(answer.match(/HTTP\/1.1/g)).toHaveLength(1);
    expect(answer.endsWith('0\r\n\r\n')).toBe(false);
  });

  it('never shows a credential to a module', async () => {
    const response = await ask('/private/', tokens['invoker'] ?? '');
    expect(response.headers.get('x-seen')).not.toContain(tokens['invoker']);
  });

  it('refuses paths that climb, addresses that are too long and other protocols', async () => {
    const raw = (path: string, headers: Record<string, string> = {}): Promise<number> =>
      new Promise((resolve, reject) => {
        const { hostname, port } = new URL(test.url);
        const request = httpRequest({ hostname, port, path: `${base}${path}`, headers });
        request.once('error', reject);
        void once(request, 'response').then(([response]) => {
          (response as IncomingMessage).resume();
          resolve((response as IncomingMessage).statusCode ?? 0);
        });
        request.end();
      });
    expect(await raw('/shop/a/../../private/')).toBe(400);
    expect(await raw('/shop/a/%2e%2E/b')).toBe(400);
    expect(await raw('/sh%6fp/')).toBe(400);
    expect(await raw(`/shop/${'a'.repeat(8_200)}`)).toBe(414);
    expect(await raw('/shop/', { connection: 'upgrade', upgrade: 'websocket' })).toBe(501);
    expect(await raw('/shop/', { connection: 'upgrade, http2-settings', upgrade: 'h2c' })).toBe(200);
    expect((await ask('/shop/', null, { method: 'POST', body: Buffer.alloc(10_485_761) })).status).toBe(413);
  });

  it('forces a version for callers with a role alone, and loses no request while one is rolled out', async () => {
    await register('shop', '2.0.0', { access: 'public' });
    const failures: unknown[] = [];
    const versions = new Set<string | null>();
    let isDone = false;
    const load = Promise.all(
      [1, 2, 3, 4].map(async () => {
        while (!isDone) {
          const response = await ask('/shop/', null, { method: 'POST', body: 'x' }).catch((error: unknown) => error);
          if (!(response instanceof Response) || response.status !== 200 || (await response.text()) !== 'x')
            failures.push(response);
          else versions.add(response.headers.get('x-hotswap-version'));
        }
      }),
    );
    const stages = { stages: [50, 100], evaluationPeriod: 'PT0.5S', autoPromote: true };
    const rolling = rollOut('shop-v2.0.0', 'Canary', stages);
    await expect
      .poll(
        async () =>
          (await ask('/shop/', tokens['invoker'] ?? '', { headers: { 'x-hotswap-version': '2.0.0' } })).headers.get(
            'x-hotswap-version',
          ),
        { timeout: 10_000 },
      )
      .toBe('2.0.0');
    await rolling;
    isDone = true;
    await load;
    expect(failures).toEqual([]);
    expect(versions).toContain('2.0.0');
    const forced = await ask('/shop/', tokens['invoker'] ?? '', { headers: { 'x-hotswap-version': '1.0.0' } });
    expect([forced.status, ((await forced.json()) as { code: string }).code]).toEqual([
      404,
      'HS_ROUTE_VERSION_NOT_SERVED',
    ]);
    expect((await ask('/shop/', null, { headers: { 'x-hotswap-version': '1.0.0' } })).status).toBe(200);
    expect((await ask('/shop/', tokens['viewer'] ?? '', { headers: { 'x-hotswap-version': '1.0.0' } })).status).toBe(
      200,
    );
  });

  it('refuses to deploy a release whose binary cannot serve what it says', async () => {
    await test.client.modules.register({ name: 'plain', version: '1.0.0', wasm: coreModule() });
    await expect(
      test.client.deployments.create({ moduleId: 'plain-v1.0.0', strategy: 'AllAtOnce', release: { http: {} } }),
    ).rejects.toMatchObject({ code: 'HS_REGISTRY_SERVES_NO_HTTP', httpStatus: 400 });
  });
});
