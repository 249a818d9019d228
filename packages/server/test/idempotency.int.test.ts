import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const api = '/api/v1/wasm';

describe('Idempotency-Key', () => {
  let test: TestServer;
  beforeAll(async () => {
    test = await startTestServer();
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const withKey = (key: string, body: unknown, extra: object = {}) => ({
    body,
    headers: { 'idempotency-key': key, ...extra },
  });

  it('carries a request out once and answers the same again', async () => {
    const first = await test.send('POST', `${api}/join-tokens`, withKey('k1', { uses: 2 }));
    const again = await test.send('POST', `${api}/join-tokens`, withKey('k1', { uses: 2 }));
    expect([first.status, again.status, again.body]).toEqual([201, 201, first.body]);
    expect([first.headers.get('idempotency-replayed'), again.headers.get('idempotency-replayed')]).toEqual([
      null,
      'true',
    ]);
    expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'));
  });

  it('refuses another content under the same key', async () => {
    await test.send('POST', `${api}/join-tokens`, withKey('k2', { uses: 1 }));
    expect(await test.send('POST', `${api}/join-tokens`, withKey('k2', { uses: 3 }))).toMatchObject({
      status: 422,
      body: { code: 'HS_API_IDEMPOTENCY_MISMATCH' },
    });
  });

  it('gives one answer to many at once, and tells the rest that it is running', async () => {
    const body = { name: 'once', wasmBinary: coreModule().toString('base64') };
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => test.send('POST', `${api}/modules`, withKey('k3', body))),
    );
    for (const answer of answers) expect([201, 409]).toContain(answer.status);
    expect(new Set(answers.filter((answer) => answer.status === 201).map((answer) => answer.body['moduleId']))).toEqual(
      new Set(['once-v1.0.0']),
    );
    expect((await test.client.modules.list({ name: 'once' })).modules).toHaveLength(1);
  });

  it('knows streamed uploads by their bytes', async () => {
    const upload = (wasm: Buffer) =>
      test.send('POST', `${api}/modules?name=streamed`, withKey('k4', wasm, { 'content-type': 'application/wasm' }));
    expect((await upload(coreModule())).body['version']).toBe('1.0.0');
    expect((await upload(coreModule())).body['version']).toBe('1.0.0');
    expect((await upload(coreModule({ salt: 'x' }))).status).toBe(422);
  });

  it('keeps refusals too, and does not look at keys before the body is valid', async () => {
    const body = { moduleId: 'nobody-v1.0.0', strategy: 'AllAtOnce' };
    const first = await test.send('POST', `${api}/deployments`, withKey('k5', body));
    const again = await test.send('POST', `${api}/deployments`, withKey('k5', body));
    expect([first.status, again.status, again.body]).toEqual([404, 404, first.body]);
    expect((await test.send('POST', `${api}/deployments`, withKey('k6', { nonsense: 1 }))).status).toBe(400);
    expect((await test.send('POST', `${api}/deployments`, withKey('k6', body))).status).toBe(404);
  });

  it('refuses keys that are none', async () => {
    expect(await test.send('POST', `${api}/join-tokens`, withKey('a b', {}))).toMatchObject({
      status: 400,
      body: { code: 'HS_API_INVALID_REQUEST' },
    });
  });
});

describe('entity tags', () => {
  let test: TestServer;
  beforeAll(async () => {
    test = await startTestServer();
    await test.client.modules.register({ name: 'tagged', version: '1.0.0', wasm: coreModule() });
  });
  afterAll(() => test[Symbol.asyncDispose]());

  it('answers 304 to readers who have the state, and refuses changes to another one', async () => {
    const path = `${api}/modules/tagged-v1.0.0`;
    const tag = (await test.send('GET', path)).headers.get('etag') ?? '';
    const cached = await fetch(`${test.url}${path}`, {
      headers: { authorization: `Bearer ${test.token}`, 'if-none-match': tag },
    });
    expect([cached.status, await cached.text()]).toEqual([304, '']);
    expect((await test.send('DELETE', path, { headers: { 'if-match': '"other"' } })).status).toBe(412);
    expect((await test.send('DELETE', path, { headers: { 'if-match': tag } })).status).toBe(204);
    expect((await test.send('GET', path)).status).toBe(404);
  });
});
