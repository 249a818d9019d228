import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, CredentialRepository, type Database } from '@hotswap/state-postgres';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const api = '/api/v1/wasm';
const callers = ['none', 'viewer', 'developer', 'admin', 'agent', 'invoker', 'metrics'] as const;
type Caller = (typeof callers)[number];

/** What is let through, by caller; everything else is 401 without a token and 403 with one. */
const readers: readonly Caller[] = ['viewer', 'developer', 'admin'];
const writers: readonly Caller[] = ['developer', 'admin'];
const admins: readonly Caller[] = ['admin'];
const everybody: readonly Caller[] = callers;

/** One row for each route of the served description (reliability.md 3.2). A refusal comes before anything of the body is read. */
const matrix: readonly (readonly [method: string, path: string, allowed: readonly Caller[]])[] = [
  ['GET', '/health', everybody],
  ['GET', '/health/live', everybody],
  ['GET', '/health/ready', everybody],
  ['POST', `${api}/modules`, writers],
  ['POST', `${api}/modules/validate`, writers],
  ['GET', `${api}/modules`, readers],
  ['GET', `${api}/modules/{moduleId}`, readers],
  ['POST', `${api}/modules/{moduleId}/validate`, writers],
  ['GET', `${api}/modules/{moduleId}/binary`, writers],
  ['DELETE', `${api}/modules/{moduleId}`, admins],
  ['POST', `${api}/modules/{ref}/functions/{function}/invoke`, [...writers, 'invoker']],
  ['GET', `${api}/releases`, readers],
  ['GET', `${api}/releases/{releaseId}`, readers],
  ['GET', `${api}/releases/{releaseId}/diff`, readers],
  ['POST', `${api}/deployments`, writers],
  ['POST', `${api}/deployments/simulate`, writers],
  ['GET', `${api}/deployments`, readers],
  ['GET', `${api}/deployments/{id}`, readers],
  ['GET', `${api}/deployments/{id}/journal`, readers],
  ['GET', `${api}/deployments/{id}/events`, readers],
  ['POST', `${api}/deployments/{id}/approve`, admins],
  ['POST', `${api}/deployments/{id}/reject`, admins],
  ['POST', `${api}/deployments/{id}/execute`, admins],
  ['POST', `${api}/deployments/{id}/pause`, writers],
  ['POST', `${api}/deployments/{id}/resume`, writers],
  ['POST', `${api}/deployments/{id}/promote`, writers],
  ['POST', `${api}/deployments/{id}/retry`, writers],
  ['POST', `${api}/deployments/{id}/abort`, writers],
  ['POST', `${api}/deployments/{id}/rollback`, admins],
  ['GET', '/api/v1/audit', admins],
  ['GET', '/api/v1/policy', admins],
  ['PUT', '/api/v1/policy', admins],
  ['GET', '/api/v1/auth/me', [...readers, 'invoker', 'metrics']],
  ['POST', '/api/v1/auth/password', [...readers, 'invoker', 'metrics']],
  ['POST', '/api/v1/auth/login', everybody],
  ['POST', '/api/v1/auth/logout', everybody],
  ['POST', '/api/v1/auth/keys', readers],
  ['GET', '/api/v1/auth/keys', readers],
  ['GET', '/api/v1/auth/keys/{id}', readers],
  ['DELETE', '/api/v1/auth/keys/{id}', readers],
  ['POST', '/api/v1/auth/users', admins],
  ['GET', '/api/v1/auth/users', admins],
  ['GET', '/api/v1/auth/users/{id}', admins],
  ['PUT', '/api/v1/auth/users/{id}', admins],
  ['POST', `${api}/trains`, writers],
  ['POST', `${api}/trains/simulate`, writers],
  ['GET', `${api}/trains`, readers],
  ['GET', `${api}/trains/{id}`, readers],
  ['POST', `${api}/trains/{id}/execute`, admins],
  ['POST', `${api}/trains/{id}/abort`, writers],
  ['POST', `${api}/trains/{id}/rollback`, admins],
  ['POST', `${api}/interfaces`, writers],
  ['POST', `${api}/interfaces/validate`, writers],
  ['GET', `${api}/interfaces`, readers],
  ['GET', `${api}/interfaces/{name}`, readers],
  ['GET', `${api}/interfaces/{name}/{version}`, readers],
  ['POST', `${api}/interfaces/{name}/{version}/approve`, admins],
  ['POST', `${api}/interfaces/{name}/{version}/reject`, admins],
  ['POST', `${api}/interfaces/{name}/{version}/deprecate`, admins],
  ['POST', `${api}/interfaces/{name}/{version}/consumers`, writers],
  ['DELETE', `${api}/interfaces/{name}/{version}/consumers/{consumer}`, writers],
  ['POST', `${api}/join-tokens`, admins],
  ['POST', `${api}/nodes`, []],
  ['GET', `${api}/nodes`, readers],
  ['GET', `${api}/nodes/{id}`, readers],
  ['GET', `${api}/nodes/{id}/health`, readers],
  ['POST', `${api}/nodes/{id}/health`, admins],
  ['GET', `${api}/nodes/{id}/logs`, readers],
  ['GET', `${api}/nodes/{id}/metrics`, readers],
  ['PUT', `${api}/nodes/{id}`, admins],
  ['DELETE', `${api}/nodes/{id}`, admins],
  ['PUT', `${api}/nodes/{id}/session`, []],
  ['GET', `${api}/nodes/{id}/desired`, []],
  ['POST', `${api}/nodes/{id}/heartbeat`, []],
  ['GET', `${api}/strategies`, readers],
  ['GET', `${api}/routes`, readers],
  ['GET', `${api}/routes/{name}`, readers],
  ['PUT', `${api}/routes/{name}`, admins],
  ['DELETE', `${api}/routes/{name}`, admins],
  ['GET', `${api}/events`, readers],
  // A module that is not there, or not public, takes the roles of a call; module-http.int.test.ts has public ones.
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map(
    (method) => [method, `${api}/http/{name}/{path}`, [...writers, 'invoker']] as const,
  ),
];

describe('authorization', () => {
  let test: TestServer;
  let dataDir: string;
  let database: Database;
  let agent: ScriptedAgent;
  const tokens = new Map<Caller, string>();

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hotswap-auth-'));
    // Credentials of every role are made before the server has the database.
    database = await openDatabase({ dataDir: join(dataDir, 'database') });
    const credentials = new CredentialRepository(database);
    for (const role of ['viewer', 'developer', 'admin', 'invoker', 'metrics'] as const) {
      const { token } = await credentials.create({ tenant: 'default', subject: `the-${role}`, role });
      tokens.set(role, token);
    }
    const expired = await credentials.create({ tenant: 'default', subject: 'past', role: 'admin', expiresInMs: -1 });
    tokens.set('none', expired.token);
    await credentials
      .create({ tenant: 'other', credentialId: 'foreign', subject: 'foreigner', role: 'admin' })
      .then(({ token }) => (foreignToken = token));
    await database[Symbol.asyncDispose]();
    test = await startTestServer({ dataDir }, { database: { dataDir: join(dataDir, 'database') } });
    const { token } = await test.client.nodes.createJoinToken();
    agent = new ScriptedAgent({ url: test.url, nodeId: 'edge-1', region: 'us-east', joinToken: token });
    await agent.start();
    tokens.set('agent', agent.credential);
    await test.client.modules.register({ name: 'greeter', version: '1.0.0', wasm: coreModule() });
  });
  let foreignToken = '';

  afterAll(async () => {
    await agent.stop();
    await test[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  const pathOf = (path: string): string => path.replaceAll(/\{[^}]+\}/g, 'not-there');
  const status = async (method: string, path: string, token: string | null): Promise<number> => {
    const abort = new AbortController();
    const response = await fetch(`${test.url}${path}`, {
      method,
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: abort.signal,
    });
    abort.abort();
    return response.status;
  };

  it('has a row for every route that the server describes, and no other', async () => {
    const { body } = await test.send('GET', '/api/openapi.json');
    const served = Object.entries(body['paths'] as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(served.sort()).toEqual(matrix.map(([method, path]) => `${method} ${path}`).sort());
  });

  it.each(matrix)('%s %s', async (method, path, allowed) => {
    for (const caller of callers) {
      const answered = await status(method, pathOf(path), caller === 'none' ? null : (tokens.get(caller) ?? ''));
      if (allowed.includes(caller))
        expect([caller, answered]).not.toEqual([
          caller,
          expect.toSatisfy((code: number) => code === 401 || code === 403),
        ]);
      else
        expect([caller, answered]).toEqual([
          caller,
          caller === 'none' ? 401 : expect.toSatisfy((code: number) => code === 403),
        ]);
    }
  });

  it('refuses expired, unknown and malformed tokens alike', async () => {
    for (const token of [tokens.get('none') ?? '', 'hs_unknown', 'hsn_unknown', 'x'.repeat(5_000)])
      expect(await status('GET', `${api}/nodes`, token)).toBe(401);
    const basic = await fetch(`${test.url}${api}/nodes`, { headers: { authorization: 'Basic YTpi' } });
    expect([basic.status, basic.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  });

  it('lets an agent speak for its own node only', async () => {
    const token = agent.credential;
    expect(await status('GET', `${api}/nodes/edge-1/desired`, token)).toBe(200);
    expect(await status('GET', `${api}/nodes/edge-2/desired`, token)).toBe(403);
    expect((await test.send('POST', `${api}/nodes/edge-2/heartbeat`, { token, body: {} })).status).not.toBe(200);
    expect((await test.send('PUT', `${api}/nodes/edge-1/session`, { token, body: agent.registration() })).status).toBe(
      200,
    );
    expect(
      (
        await test.send('PUT', `${api}/nodes/edge-1/session`, {
          token,
          body: { ...agent.registration(), nodeId: 'edge-2' },
        })
      ).status,
    ).toBe(400);
  });

  it('lets a join token be used once, for its regions, before it ends', async () => {
    const { token } = await test.client.nodes.createJoinToken({ regions: ['us-east'] });
    const body = { ...agent.registration(), nodeId: 'edge-9', publicKey: { kty: 'OKP', crv: 'Ed25519', x: 'nine' } };
    expect((await test.send('POST', `${api}/nodes`, { token, body: { ...body, region: 'us-west' } })).status).toBe(403);
    expect((await test.send('POST', `${api}/nodes`, { token, body })).status).toBe(201);
    expect((await test.send('POST', `${api}/nodes`, { token, body: { ...body, nodeId: 'edge-10' } })).status).toBe(401);
    const ended = await test.client.nodes.createJoinToken({ expiresIn: 'PT0S' });
    expect(
      (await test.send('POST', `${api}/nodes`, { token: ended.token, body: { ...body, nodeId: 'edge-11' } })).status,
    ).toBe(401);
  });

  it('makes no join token that lasts longer than half an hour', async () => {
    const made = (expiresIn: string) => test.send('POST', `${api}/join-tokens`, { body: { expiresIn } });
    expect((await made('PT30M')).status).toBe(201);
    expect(await made('PT31M')).toMatchObject({ status: 400, body: { errors: [{ pointer: '/expiresIn' }] } });
  });

  it('gives nodes of one name of two tenants keys of their own, so that calls of one are none of the other', async () => {
    const body = { ...agent.registration(), nodeId: 'edge-twin', publicKey: { kty: 'OKP', crv: 'Ed25519', x: 'twin' } };
    const keys: unknown[] = [];
    for (const admin of [test.token, foreignToken]) {
      const made = await test.send('POST', `${api}/join-tokens`, { token: admin, body: {} });
      const joined = await test.send('POST', `${api}/nodes`, { token: String(made.body['token']), body });
      const again = await test.send('PUT', `${api}/nodes/edge-twin/session`, {
        token: String(joined.body['credential']),
        body,
      });
      expect(again).toMatchObject({ status: 200, body: { serverPublicKey: joined.body['serverPublicKey'] } });
      keys.push(joined.body['serverPublicKey']);
      expect((await test.send('DELETE', `${api}/nodes/edge-twin`, { token: admin })).status).toBe(204);
    }
    expect(keys[0]).toMatchObject({ kty: 'OKP', crv: 'Ed25519' });
    expect(keys[0]).not.toEqual(keys[1]);
  });

  it('refuses a second node under a known id, and an older session once a newer one has reported', async () => {
    const { token } = await test.client.nodes.createJoinToken();
    const stolen = { ...agent.registration(), publicKey: { kty: 'OKP', crv: 'Ed25519', x: 'thief' } };
    expect(await test.send('POST', `${api}/nodes`, { token, body: stolen })).toMatchObject({
      status: 409,
      body: { code: 'HS_NODE_EXISTS' },
    });
    const report = (bootId: string, sequence: number) =>
      test.send('POST', `${api}/nodes/edge-1/heartbeat`, {
        token: agent.credential,
        body: {
          bootId,
          sequence,
          observed: { generation: 0, releases: [] },
          metrics: [],
          resources: { cpuUsagePercent: 0, memoryUsageMB: 0, modulesLoaded: 0 },
        },
      });
    const newer = `${String(Date.now() + 60_000)}-new`;
    const older = `${String(Date.now() + 30_000)}-old`;
    expect((await report(older, 1)).status).toBe(200);
    expect((await report(newer, 1)).status).toBe(200);
    expect(await report(older, 2)).toMatchObject({ status: 410, body: { code: 'HS_NODE_SUPERSEDED' } });
  });

  it('lets developers command their own deployments only', async () => {
    const { deploymentId } = await test.client.deployments.create({
      moduleId: 'greeter-v1.0.0',
      strategy: 'AllAtOnce',
    });
    const developer = { token: tokens.get('developer') ?? '', body: {} };
    expect(await test.send('POST', `${api}/deployments/${deploymentId}/abort`, developer)).toMatchObject({
      status: 403,
      body: { code: 'HS_AUTH_NOT_YOURS' },
    });
    await test.client.deployments.abort(deploymentId);
    const own = await test.send('POST', `${api}/deployments`, {
      ...developer,
      body: { moduleId: 'greeter-v1.0.0', strategy: 'AllAtOnce' },
    });
    expect(own).toMatchObject({ status: 201, body: { createdBy: 'the-developer' } });
    expect(
      (await test.send('POST', `${api}/deployments/${String(own.body['deploymentId'])}/abort`, developer)).status,
    ).toBe(202);
  });

  it('shows nothing of another tenant', async () => {
    const foreign = { token: foreignToken };
    expect(await test.send('GET', `${api}/modules/greeter-v1.0.0`, foreign)).toMatchObject({ status: 404 });
    expect((await test.send('GET', `${api}/modules`, foreign)).body).toEqual({ modules: [], nextCursor: null });
    expect((await test.send('GET', `${api}/nodes`, foreign)).body).toEqual({ nodes: [], nextCursor: null });
    expect((await test.send('GET', `${api}/nodes/edge-1`, foreign)).status).toBe(404);
    expect(
      (await test.send('POST', `${api}/modules/greeter/functions/run/invoke`, { ...foreign, body: {} })).status,
    ).toBe(404);
    expect(
      (
        await test.send('POST', `${api}/deployments`, {
          ...foreign,
          body: { moduleId: 'greeter-v1.0.0', strategy: 'AllAtOnce' },
        })
      ).status,
    ).toBe(404);
  });

  it('leaves the local credential in the data directory for its owner alone, and finds it again', async () => {
    const file = join(dataDir, 'local-admin.json');
    expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600');
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ url: test.url, token: test.token, pid: process.pid });
    expect(test.server.adminFile).toBe(file);
  });

  it('tells details of its health only to those who are known', async () => {
    expect((await test.send('GET', '/health', { token: null })).body).toEqual({ status: 'Healthy' });
    expect((await test.send('GET', '/health')).body).toEqual({
      status: 'Healthy',
      dependencies: { postgresql: 'Healthy' },
      version: '0.1.0',
      uptime: expect.stringMatching(/^PT/) as unknown,
    });
    expect((await test.send('GET', '/health/ready', { token: null })).body).toEqual({ status: 'Healthy' });
  });
});
