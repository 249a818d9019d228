import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './start-test-server.ts';

describe('streams of events', () => {
  let test: TestServer;
  beforeAll(async () => {
    test = await startTestServer();
  });
  afterAll(() => test[Symbol.asyncDispose]());

  /** Reads a stream to its end; resolves when that has come. */
  async function follow(path: string, token: string): Promise<{ readonly ended: Promise<'ended'> }> {
    const response = await fetch(`${test.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    expect(response.status).toBe(200);
    return { ended: response.text().then(() => 'ended' as const) };
  }

  const within = (ended: Promise<'ended'>, ms: number): Promise<'ended' | 'open'> =>
    Promise.race([ended, new Promise<'open'>((resolve) => setTimeout(() => resolve('open'), ms))]);

  async function join(nodeId: string): Promise<string> {
    const { body } = await test.send('POST', '/api/v1/wasm/join-tokens', { body: {} });
    const joined = await test.send('POST', '/api/v1/wasm/nodes', {
      token: String(body['token']),
      body: {
        ...{ nodeId, hostname: 'h', region: 'eu', runtime: 'Test', runtimeVersion: '1', capabilities: {} },
        ...{ maxModules: 10, dataPlaneUrl: 'http://127.0.0.1:1' },
        hardware: { cpuCores: 1, totalMemoryMB: 1, architecture: 'x64' },
      },
    });
    return String(joined.body['credential']);
  }

  async function login(username: string): Promise<{ readonly userId: string; readonly token: string }> {
    const password = 'correct horse battery staple';
    const made = await test.send('POST', '/api/v1/auth/users', { body: { username, password, role: 'viewer' } });
    const { body } = await test.send('POST', '/api/v1/auth/login', { token: null, body: { username, password } });
    return { userId: String(made.body['userId']), token: String(body['token']) };
  }

  it('of a node end within five seconds of its removal', async () => {
    const [gone, stays] = [await join('gone'), await join('stays')];
    const [ofGone, ofOther] = [
      await follow('/api/v1/wasm/nodes/gone/desired', gone),
      await follow('/api/v1/wasm/nodes/stays/desired', stays),
    ];
    expect((await test.send('DELETE', '/api/v1/wasm/nodes/gone')).status).toBe(204);
    expect(await within(ofGone.ended, 5_000)).toBe('ended');
    expect(await within(ofOther.ended, 200)).toBe('open');
  });

  it('end when their reader is locked out, has logged out, or may do something else; others go on', async () => {
    const [locked, left, stays] = [await login('locked'), await login('left'), await login('stays')];
    const path = '/api/v1/wasm/events';
    const streams = await Promise.all([locked, left, stays].map(({ token }) => follow(path, token)));
    await test.send('PUT', `/api/v1/auth/users/${locked.userId}`, { body: { isEnabled: false } });
    expect(await within(streams[0]!.ended, 5_000)).toBe('ended');
    await test.send('POST', '/api/v1/auth/logout', { token: left.token, body: {} });
    expect(await within(streams[1]!.ended, 5_000)).toBe('ended');
    expect(await within(streams[2]!.ended, 200)).toBe('open');
    await test.send('PUT', `/api/v1/auth/users/${stays.userId}`, { body: { role: 'developer' } });
    expect(await within(streams[2]!.ended, 5_000)).toBe('ended');
  });

  it('end when the key that opened them is deleted, and when it has run out', async () => {
    const make = async (more: object): Promise<{ readonly keyId: string; readonly key: string }> => {
      const { body } = await test.send('POST', '/api/v1/auth/keys', { body: { name: 'k', role: 'viewer', ...more } });
      return { keyId: String(body['keyId']), key: String(body['key']) };
    };
    const [deleted, short] = [await make({}), await make({ expiresIn: 'PT2S' })];
    const streams = await Promise.all([deleted, short].map(({ key }) => follow('/api/v1/wasm/events', key)));
    await test.send('DELETE', `/api/v1/auth/keys/${deleted.keyId}`);
    expect(await within(streams[0]!.ended, 5_000)).toBe('ended');
    expect(await within(streams[1]!.ended, 5_000)).toBe('ended');
  });
});
