import { createHmac, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey } from 'jose';
import { createHotSwapClient } from '@hotswap/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const auth = '/api/v1/auth';
const password = 'correct horse battery';
const jwtSecretKey = randomBytes(48).toString('base64url');
const previous = randomBytes(48).toString('base64url');

describe('access', () => {
  let test: TestServer;
  let provider: Server;
  let providerKey: CryptoKey;
  let jwksUrl = '';
  let isProviderUp = true;

  beforeAll(async () => {
    const pair = await generateKeyPair('ES256');
    providerKey = pair.privateKey;
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' };
    provider = createServer((_request, response) =>
      isProviderUp
        ? response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }))
        : response.writeHead(503).end(),
    ).listen(0, '127.0.0.1');
    await once(provider, 'listening');
    jwksUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`;
    test = await startTestServer({
      ...{ jwtSecretKey, jwtPreviousSecretKey: previous, identityJwksUrl: jwksUrl },
      ...{ identityIssuer: 'https://id.example', apiSalt: randomBytes(32).toString('base64') },
    });
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
    provider.close();
  });

  const post = (path: string, body: unknown, token?: string | null, headers: Record<string, string> = {}) =>
    test.send('POST', `${auth}${path}`, { body, headers, ...(token === undefined ? {} : { token }) });
  const me = (token: string | null) => test.send('GET', `${auth}/me`, { token });
  const createUser = async (username: string, more: object = {}) =>
    (await post('/users', { username, password, role: 'developer', ...more })).body as { userId: string };
  const login = async (username: string, secret = password) =>
    post('/login', { username, password: secret }, null) as Promise<{
      status: number;
      body: { token: string; expiresAt: string; code?: string };
      headers: Headers;
    }>;

  describe('people', () => {
    it('log in with the name and password that an admin gave them, and are known by the token', async () => {
      await createUser('Ada@example.com');
      const { status, body, headers } = await login('ADA@example.com');
      expect([status, Object.keys(body).sort()]).toEqual([200, ['expiresAt', 'role', 'token']]);
      expect(Date.parse(body.expiresAt) - Date.now()).toBeGreaterThan(59 * 60_000);
      expect(headers.get('cache-control')).toBe('no-store');
      expect((await me(body.token)).body).toEqual({
        ...{ subject: 'ada@example.com', role: 'developer', tenant: 'default', kind: 'session', tier: null },
        expiresAt: body.expiresAt,
      });
      const [, claims = ''] = body.token.split('.');
      expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
        ...{ iss: 'HotSwap.Wasm.Api', aud: 'HotSwap.Wasm.Clients', sub: 'ada@example.com' },
      });
      const modules = createHotSwapClient({ baseUrl: test.url, token: body.token }).modules;
      expect(await modules.register({ name: 'adas', version: '1.0.0', wasm: coreModule() })).toMatchObject({
        createdBy: 'ada@example.com',
      });
    });

    it('hear the same whether the name or the password is wrong, and nothing of it is on record but names that exist', async () => {
      await createUser('grace');
      const wrong = await login('grace', 'not the password');
      const unknown = await login('my-secret-typed-as-name', password);
      expect([wrong.status, wrong.body.code]).toEqual([401, 'HS_AUTH_LOGIN_FAILED']);
      expect({ ...unknown.body, requestId: '' }).toEqual({ ...wrong.body, requestId: '' });
      const { acts } = await test.client.audit.list({ action: 'auth.loginFailed', limit: 1_000 });
      expect(acts.map(({ object, facts }) => [object, (facts as { why: string }).why])).toEqual(
        expect.arrayContaining([
          ['grace', 'wrong password'],
          ['unknown', 'no such user'],
        ]),
      );
      expect(JSON.stringify((await test.client.audit.list({ limit: 1_000 })).acts)).not.toMatch(
        /my-secret|not the pass/,
      );
    });

    it('have to wait after too many wrong guesses, with the right password too', async () => {
      await createUser('guessed');
      for (let guess = 0; guess < 6; guess++) await login('guessed', `guess number ${String(guess)}`);
      const { status, headers, body } = await login('guessed');
      expect([status, body.code]).toEqual([429, 'HS_AUTH_LOGIN_BACK_OFF']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      await expect.poll(async () => (await login('guessed')).status, { timeout: 20_000, interval: 1_000 }).toBe(200);
    });

    it('are out at once when they log out, lose their role, change their password or are disabled', async () => {
      const { userId } = await createUser('linus');
      const token = async () => (await login('linus')).body.token;
      const [first, second] = [await token(), await token()];
      expect((await post('/logout', {}, first)).status).toBe(204);
      expect([(await me(first)).status, (await me(second)).status]).toEqual([401, 200]);
      await post('/logout', { everywhere: true }, second);
      expect((await me(second)).status).toBe(401);
      for (const change of [{ role: 'viewer' }, { tier: 'pro' }, { password: 'another long password' }]) {
        const held = change.password === undefined ? await token() : (await login('linus')).body.token;
        expect((await me(held)).status).toBe(200);
        expect((await test.send('PUT', `${auth}/users/${userId}`, { body: change })).status).toBe(200);
        expect([change, (await me(held)).status]).toEqual([change, 401]);
      }
      const held = (await login('linus', 'another long password')).body.token;
      const changed = await post(
        '/password',
        { currentPassword: 'another long password', newPassword: 'a third long password' },
        held,
      );
      expect([changed.status, (await me(held)).status]).toEqual([204, 401]);
      expect((await login('linus', 'another long password')).status).toBe(401);
      const last = (await login('linus', 'a third long password')).body.token;
      await test.send('PUT', `${auth}/users/${userId}`, { body: { isEnabled: false } });
      expect([(await me(last)).status, (await login('linus', 'a third long password')).status]).toEqual([401, 401]);
    });

    it('of weak passwords, reserved names and unknown fields are not made', async () => {
      for (const [body, status] of [
        [{ username: 'weak', password: 'short', role: 'viewer' }, 400],
        [{ username: 'weak', password: 'aaaaaaaaaaaaaa', role: 'viewer' }, 400],
        [{ username: 'weakling', password: 'weakling-weakling', role: 'viewer' }, 400],
        [{ username: 'weak', password: 'password12345', role: 'viewer' }, 400],
        [{ username: 'local-admin', password, role: 'admin' }, 409],
        [{ username: 'node:edge-1', password, role: 'admin' }, 400],
        [{ username: 'weak', password, role: 'agent' }, 400],
        [{ username: 'weak', password, role: 'viewer', isRoot: true }, 400],
      ] as const)
        expect([body.username, (await post('/users', body)).status]).toEqual([body.username, status]);
      await createUser('taken');
      expect((await post('/users', { username: 'Taken', password, role: 'viewer' })).body).toMatchObject({
        status: 409,
        code: 'HS_AUTH_USER_EXISTS',
      });
    });

    it('who are admins cannot take away their own role, and stale changes are refused', async () => {
      const { userId } = await createUser('root', { role: 'admin' });
      const { token } = (await login('root')).body;
      const put = (body: object, headers = {}) => test.send('PUT', `${auth}/users/${userId}`, { body, token, headers });
      expect((await put({ role: 'viewer' })).body).toMatchObject({ code: 'HS_AUTH_OWN_ACCOUNT' });
      expect((await put({ isEnabled: false })).body).toMatchObject({ code: 'HS_AUTH_OWN_ACCOUNT' });
      expect((await put({ tier: 'pro' }, { 'if-match': '"old"' })).status).toBe(412);
      const { headers } = await test.send('GET', `${auth}/users/${userId}`, { token });
      expect((await put({}, { 'if-match': headers.get('etag') ?? '' })).status).toBe(200);
    });

    it('of another tenant are not there', async () => {
      const { userId } = await createUser('tenant-admin', { role: 'admin', tenant: 'acme' });
      const { token } = (await login('tenant-admin')).body;
      expect((await me(token)).body).toMatchObject({ tenant: 'acme' });
      expect((await test.send('GET', `${auth}/users/${userId}`)).status).toBe(404);
      expect((await test.send('PUT', `${auth}/users/${userId}`, { body: { role: 'viewer' } })).status).toBe(404);
      const acme = createHotSwapClient({ baseUrl: test.url, token });
      expect((await acme.auth.users.list()).users.map(({ username }) => username)).toEqual(['tenant-admin']);
      const key = await test.client.auth.keys.create({ name: 'home', role: 'viewer' });
      await expect(acme.auth.keys.delete(key.keyId)).rejects.toMatchObject({ code: 'HS_AUTH_KEY_NOT_FOUND' });
      expect((await test.send('GET', `${auth}/keys/${key.keyId}`, { token })).status).toBe(404);
      expect(
        (await post('/users', { username: 'x1', password, role: 'viewer', tenant: 'default' }, token)).body,
      ).toMatchObject({ code: 'HS_AUTH_OTHER_TENANT' });
      expect((await test.send('GET', '/api/v1/wasm/modules/adas-v1.0.0', { token })).status).toBe(404);
    });
  });

  describe('tokens', () => {
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = (header: object, claims: object, key: string | Buffer = jwtSecretKey): string => {
      const text = `${encode(header)}.${encode(claims)}`;
      return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
    };

    it('are taken only as they were issued: algorithm, key, issuer, audience, time and session', async () => {
      const { userId } = await createUser('forged');
      const now = Math.floor(Date.now() / 1_000);
      const claims = {
        ...{ uid: userId, ver: 0, sub: 'forged', jti: 'j', iat: now, exp: now + 600 },
        ...{ iss: 'HotSwap.Wasm.Api', aud: 'HotSwap.Wasm.Clients' },
      };
      const good = { alg: 'HS256', typ: 'JWT' };
      const status = async (token: string) => (await me(token)).status;
      expect(await status(signed(good, claims))).toBe(200);
      expect(await status(signed(good, { ...claims, jti: 'k' }, previous))).toBe(200);
      expect(await status(signed(good, { ...claims, exp: now - 30 }))).toBe(200);
      const without = (name: string) => Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));
      const publicJwk = await (await fetch(jwksUrl)).text();
      const refused: Record<string, string> = {
        'no signature': new UnsecuredJWT(claims).encode(),
        'none with a signature': signed({ alg: 'none' }, claims),
        'None in capitals': signed({ alg: 'NONE' }, claims),
        'another algorithm named': signed({ alg: 'HS384' }, claims),
        'mixed case': signed({ alg: 'hs256' }, claims),
        'a public key as the secret': signed({ alg: 'HS256' }, { ...claims, iss: 'https://id.example' }, publicJwk),
        'an asymmetric algorithm named': signed({ alg: 'ES256' }, claims),
        'the secret with white space': signed(good, claims, ` ${jwtSecretKey}`),
        'another secret': signed(good, claims, 'x'.repeat(40)),
        'an unknown critical extension': signed({ ...good, crit: ['exp2'], exp2: 1 }, claims),
        expired: signed(good, { ...claims, exp: now - 61 }),
        'not yet valid': signed(good, { ...claims, nbf: now + 120 }),
        'of another issuer': signed(good, { ...claims, iss: 'somebody' }),
        'for another audience': signed(good, { ...claims, aud: 'somebody' }),
        'no expiry': signed(good, without('exp')),
        'no audience': signed(good, without('aud')),
        'no issuer': signed(good, without('iss')),
        'no session': signed(good, without('jti')),
        'no such user': signed(good, { ...claims, uid: 'nobody' }),
        'an epoch to come': signed(good, { ...claims, ver: 7 }),
        'a body that was changed': signed(good, claims).replace(/\.[^.]+\./, `.${encode({ ...claims, sub: 'root' })}.`),
        'a path as the key id': signed({ ...good, kid: '../../dev/null' }, claims, ''),
        'no JSON': 'aaaa.bbbb.cccc',
      };
      for (const [what, token] of Object.entries(refused)) expect([what, await status(token)]).toEqual([what, 401]);
    });

    it('of the identity provider are taken with a role that it grants, and stay apart from users here', async () => {
      const issue = (claims: object, key = providerKey) =>
        new SignJWT({ role: 'developer', ...claims })
          .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
          .setIssuer('https://id.example')
          .setAudience('HotSwap.Wasm.Clients')
          .setSubject('ada@example.com')
          .setIssuedAt()
          .setExpirationTime('5m')
          .sign(key);
      expect((await me(await issue({}))).body).toMatchObject({
        ...{ subject: 'idp:ada@example.com', role: 'developer', kind: 'provider' },
      });
      expect((await me(await issue({ role: ['Viewer', 'Admin'] }))).body).toMatchObject({ role: 'admin' });
      for (const role of ['agent', 'invoker', 'root', undefined, 7])
        expect([role, (await me(await issue({ role }))).status]).toEqual([role, 401]);
      const elsewhere = await new SignJWT({ role: 'admin' })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setIssuer('https://id.example')
        .setAudience('another-service')
        .setSubject('x')
        .setExpirationTime('5m')
        .sign(providerKey);
      expect((await me(elsewhere)).status).toBe(401);
      const other = await generateKeyPair('ES256');
      expect((await me(await issue({}, other.privateKey))).status).toBe(401);
    });
  });

  describe('browsers', () => {
    const loginCookie = async (username: string) => {
      const { headers } = await login(username);
      const [cookie = '', ...attributes] = (headers.get('set-cookie') ?? '').split('; ');
      return { cookie, attributes };
    };

    it('get the session as a cookie that neither scripts nor other sites can use', async () => {
      await createUser('browser');
      const { cookie, attributes } = await loginCookie('browser');
      expect(cookie).toMatch(/^hotswap-session=ey/);
      expect(attributes).toEqual([
        'Path=/',
        expect.stringMatching(/^Max-Age=3[56]\d\d$/),
        'HttpOnly',
        'SameSite=Strict',
      ]);
      const as = (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
        test.send(method, path, {
          token: null,
          headers: { cookie, ...headers },
          ...(body === undefined ? {} : { body }),
        });
      expect((await as('GET', `${auth}/me`, {})).body).toMatchObject({ subject: 'browser' });
      expect((await as('GET', `${auth}/me`, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
      const key = { name: 'k', role: 'viewer' };
      const host = new URL(test.url).host;
      for (const [headers, status] of [
        [{ 'sec-fetch-site': 'same-origin' }, 201],
        [{ origin: `http://${host}` }, 201],
        [{}, 403],
        [{ origin: 'https://evil.example' }, 403],
        [{ origin: 'null' }, 403],
        [{ 'sec-fetch-site': 'same-site' }, 403],
        [{ 'sec-fetch-site': 'none' }, 403],
        [{ 'sec-fetch-site': 'cross-site', origin: `http://${host}` }, 403],
      ] as const)
        expect([headers, (await as('POST', `${auth}/keys`, headers, key)).status]).toEqual([headers, status]);
      // Whoever sends a token means that one.
      expect((await as('GET', `${auth}/me`, { authorization: 'Bearer nonsense' })).status).toBe(401);
      const out = await as('POST', `${auth}/logout`, { 'sec-fetch-site': 'same-origin' }, {});
      expect([out.status, out.headers.get('set-cookie')]).toEqual([204, expect.stringContaining('Max-Age=0')]);
      expect((await as('GET', `${auth}/me`, {})).status).toBe(401);
    });

    it('are not logged in by a page of another site', async () => {
      const { status, body } = await post('/login', { username: 'browser', password }, null, {
        origin: 'https://evil.example',
      });
      expect([status, body['code']]).toEqual([403, 'HS_AUTH_CROSS_SITE']);
    });

    it('do not lend their session to modules', async () => {
      await createUser('visitor');
      const { cookie } = await loginCookie('visitor');
      const answer = await test.send('GET', '/api/v1/wasm/http/adas/', { token: null, headers: { cookie } });
      expect(answer.status).toBe(401);
    });
  });

  describe('keys', () => {
    it('are shown once, act for their owner, and end when they are deleted', async () => {
      await createUser('maker');
      const { token } = (await login('maker')).body;
      const mine = createHotSwapClient({ baseUrl: test.url, token });
      const { key, keyId, ...shown } = await mine.auth.keys.create({ name: 'ci', role: 'invoker', tier: 'basic' });
      expect(key).toMatch(/^hsk_[0-9a-f]{24}_[\w-]{43}$/);
      expect(shown).toMatchObject({
        owner: 'maker',
        role: 'invoker',
        tier: 'basic',
        expiresAt: null,
        lastUsedAt: null,
      });
      expect((await me(key)).body).toMatchObject({ subject: 'maker', role: 'invoker', kind: 'key', tier: 'basic' });
      expect((await mine.auth.keys.list()).keys.map((one) => one.keyId)).toEqual([keyId]);
      expect(JSON.stringify(await mine.auth.keys.list())).not.toContain(key.slice(-43));
      expect((await test.client.auth.keys.list()).keys.map((one) => one.keyId)).toContain(keyId);
      for (const forged of [
        `${key}x`,
        key.slice(0, -1),
        `${key.slice(0, -43)}${'A'.repeat(43)}`,
        `hsk_${'0'.repeat(24)}_${key.slice(-43)}`,
      ])
        expect((await me(forged)).status).toBe(401);
      await mine.auth.keys.delete(keyId);
      expect((await me(key)).status).toBe(401);
      await expect(mine.auth.keys.delete(keyId)).rejects.toMatchObject({ httpStatus: 404 });
    });

    it('are never more than who makes them, nor after that one is less', async () => {
      const { userId } = await createUser('smaller', { tier: 'basic' });
      const { token } = (await login('smaller')).body;
      const mine = createHotSwapClient({ baseUrl: test.url, token });
      for (const request of [
        { name: 'k', role: 'admin' },
        { name: 'k', role: 'metrics' },
        { name: 'k', role: 'viewer', tier: 'pro' },
      ] as const)
        await expect(mine.auth.keys.create(request)).rejects.toMatchObject({ code: 'HS_AUTH_NOT_GRANTABLE' });
      const { key, tier } = await mine.auth.keys.create({ name: 'k', role: 'developer' });
      expect([tier, (await me(key)).status]).toEqual(['basic', 200]);
      await test.send('PUT', `${auth}/users/${userId}`, { body: { role: 'viewer' } });
      expect((await me(key)).status).toBe(401);
      await test.send('PUT', `${auth}/users/${userId}`, { body: { role: 'developer' } });
      expect((await me(key)).status).toBe(200);
      await test.send('PUT', `${auth}/users/${userId}`, { body: { isEnabled: false } });
      expect((await me(key)).status).toBe(401);
    });

    it('expire, and what was made with a key does not outlive it', async () => {
      const brief = await test.client.auth.keys.create({
        name: 'brief',
        role: 'admin',
        tier: 'pro',
        expiresIn: 'PT2S',
      });
      const child = await createHotSwapClient({ baseUrl: test.url, token: brief.key }).auth.keys.create({
        ...{ name: 'child', role: 'viewer', expiresIn: 'P10D' },
      });
      expect(Date.parse(child.expiresAt ?? '')).toBeLessThanOrEqual(Date.parse(brief.expiresAt ?? '') + 50);
      await expect.poll(async () => (await me(brief.key)).status, { timeout: 10_000 }).toBe(401);
      expect((await me(child.key)).status).toBe(401);
      expect((await post('/keys', { name: 'long', role: 'viewer', expiresIn: 'P9999D' })).status).toBe(400);
    });

    it('do not approve what their owner made', async () => {
      const key = await test.client.auth.keys.create({ name: 'second me', role: 'admin', tier: 'pro' });
      expect((await me(key.key)).body).toMatchObject({ subject: 'local-admin' });
    });
  });

  it('goes on for known tokens when the identity provider is away, and says so for others', async () => {
    const token = await new SignJWT({ role: 'viewer' })
      .setProtectedHeader({ alg: 'ES256', kid: 'unknown-key' })
      .setIssuer('https://id.example')
      .setAudience('HotSwap.Wasm.Clients')
      .setSubject('x')
      .setExpirationTime('5m')
      .sign(providerKey);
    isProviderUp = false;
    expect([401, 503]).toContain((await me(token)).status);
    isProviderUp = true;
  });
});
