import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCodes, runCli } from '@hotswap/cli';
import { TextSink } from './run-against.ts';

const soon = new Date(Date.now() + 3_600_000).toISOString();
const key = {
  ...{ keyId: 'k1', name: 'ci', owner: 'ada', role: 'invoker', tier: 'free', tenant: 'default' },
  ...{ createdAt: soon, expiresAt: null, lastUsedAt: null },
};
const user = {
  ...{ userId: 'u1', username: 'grace', role: 'developer', tier: null, tenant: 'default', isEnabled: true },
  ...{ createdBy: 'ada', createdAt: soon, lastLoginAt: null },
};
const answers: Readonly<Record<string, readonly [status: number, body: unknown]>> = {
  'POST /api/v1/auth/login': [200, { token: 'session-token', expiresAt: soon, role: 'admin' }],
  'POST /api/v1/auth/logout': [204, null],
  'GET /api/v1/auth/me': [
    200,
    { subject: 'ada', role: 'admin', tenant: 'default', kind: 'session', tier: null, expiresAt: soon },
  ],
  'POST /api/v1/auth/keys': [201, { ...key, key: 'hsk_secret' }],
  'GET /api/v1/auth/keys': [200, { keys: [key], nextCursor: null }],
  'DELETE /api/v1/auth/keys/k1': [204, null],
  'POST /api/v1/auth/users': [201, user],
  'GET /api/v1/auth/users': [200, { users: [user], nextCursor: null }],
  'PUT /api/v1/auth/users/u1': [200, { ...user, role: 'viewer' }],
};

describe('hotswap login, keys and users', () => {
  let directory: string;
  let calls: { request: string; body: unknown; authorization: string | null }[];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hotswap-login-'));
    calls = [];
  });
  afterEach(async () => rm(directory, { recursive: true, force: true }));

  const fakeFetch = (async (url: string, init?: RequestInit) => {
    const request = `${init?.method ?? 'GET'} ${new URL(url).pathname}`;
    const body: unknown = typeof init?.body === 'string' ? JSON.parse(init.body) : undefined;
    calls.push({ request, body, authorization: new Headers(init?.headers).get('authorization') });
    const [status, answer] = answers[request] ?? [500, {}];
    return Promise.resolve(new Response(status === 204 ? null : JSON.stringify(answer), { status }));
  }) as unknown as typeof fetch;

  const run = async (...args: string[]) => await runWith({}, ...args);
  const runWith = async (more: Readonly<Record<string, string>>, ...args: string[]) => {
    const [stdout, stderr] = [new TextSink(), new TextSink()];
    const env = {
      ...{ HOTSWAP_SERVER: 'http://server.test', XDG_CONFIG_HOME: directory },
      ...{ HOTSWAP_PASSWORD: 'my password', HOTSWAP_NEW_PASSWORD: 'her new password' },
      ...more,
    };
    const { signal } = new AbortController();
    const code = await runCli(args, { stdout, stderr, env, signal, fetch: fakeFetch });
    return { code, stdout: stdout.text, stderr: stderr.text };
  };

  it('keeps a session for later commands, for this user alone, and forgets it at logout', async () => {
    const { code, stdout } = await run('login', 'ada');
    expect([code, stdout]).toEqual([exitCodes.ok, `ada is logged in as admin until ${soon}\n`]);
    expect(calls[0]?.body).toEqual({ username: 'ada', password: 'my password' });
    const file = join(directory, 'hotswap', 'logins.json');
    expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600');
    expect((await run('whoami')).stdout).toContain('ada');
    expect(calls.at(-1)?.authorization).toBe('Bearer session-token');
    await run('logout');
    expect(await readFile(file, 'utf8')).toBe('{}');
    await run('whoami');
    expect(calls.at(-1)?.authorization).toBeNull();
  });

  it('keeps its session when it ends another one, whose token was given', async () => {
    await run('login', 'ada');
    await runWith({ HOTSWAP_TOKEN: 'of-somebody' }, 'logout');
    expect(calls.at(-1)?.authorization).toBe('Bearer of-somebody');
    await run('--token', 'of-somebody', 'logout');
    await run('whoami');
    expect(calls.at(-1)?.authorization).toBe('Bearer session-token');
  });

  it.each(['null', '[]', '7', '{"http://server.test":null}', '{"http://server.test":{"token":1}}', '{"half'])(
    'takes a file of sessions that holds %s for one without any',
    async (content) => {
      const file = join(directory, 'hotswap', 'logins.json');
      await mkdir(join(directory, 'hotswap'), { recursive: true });
      await writeFile(file, content);
      expect((await run('whoami')).code).toBe(exitCodes.ok);
      expect(calls.at(-1)?.authorization).toBeNull();
      expect((await run('login', 'ada')).code).toBe(exitCodes.ok);
      await run('whoami');
      expect(calls.at(-1)?.authorization).toBe('Bearer session-token');
    },
  );

  it('makes, lists and deletes keys', async () => {
    expect((await run('-q', 'keys', 'create', 'ci', '--tier', 'free', '--expires-in', 'P90D')).stdout).toBe(
      'hsk_secret\n',
    );
    expect(calls[0]?.body).toEqual({ name: 'ci', role: 'invoker', tier: 'free', expiresIn: 'P90D' });
    expect((await run('keys')).stdout).toMatch(/k1 +ci +ada +invoker +free/);
    expect((await run('-q', 'keys')).stdout).toBe('k1\n');
    expect((await run('-q', 'users')).stdout).toBe('u1\n');
    expect((await run('-q', 'keys', 'delete', 'k1')).stdout).toBe('k1\n');
    expect((await run('keys', 'delete', 'k1')).code).toBe(exitCodes.ok);
    expect((await run('keys', 'create', 'ci', '--role', 'agent')).code).toBe(exitCodes.usage);
  });

  it('makes, lists and changes users, and takes no password as an argument', async () => {
    expect((await run('users', 'create', 'grace')).stdout).toMatch(/grace is a developer/);
    expect(calls[0]?.body).toEqual({ username: 'grace', password: 'her new password', role: 'developer' });
    expect((await run('users')).stdout).toMatch(/u1 +grace +developer +- +enabled/);
    await run('users', 'update', 'u1', '--role', 'viewer', '--tier', 'none', '--disable');
    expect(calls.at(-1)?.body).toEqual({ role: 'viewer', tier: null, isEnabled: false });
    expect((await run('users', 'create', 'x', '--password', 'p')).code).toBe(exitCodes.usage);
  });
});
