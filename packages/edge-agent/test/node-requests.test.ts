import { connect } from 'node:net';
import { invokeHeaders } from '@hotswap/protocol';
import { describe, expect, it } from 'vitest';
import { AgentFixture, waitFor } from './agent-fixture.ts';
import { fakeRuntimeError, type FakeModule } from './fake-runtime-host.ts';
import { desiredModule } from './node-fixture.ts';

const text = (name: string, ...params: readonly string[]) => ({
  name,
  params: params.map((type, i) => ({ name: `p${i}`, type })),
  result: 'string',
});

describe('NodeRequests', () => {
  it('answers a call with the result, the release that answered and the time it took', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({
      functions: { 'say-hello': ([name]) => `hello ${name as string}` },
      signatures: [text('say-hello', 'string')],
    });
    const { status, body, type } = await fixture.invoke('say_hello', { args: ['you'] });
    expect([status, type]).toEqual([200, 'application/json']);
    expect(body).toEqual({
      result: 'hello you',
      moduleId: 'r1-v1.0.0',
      releaseId: 'r1',
      durationMs: expect.any(Number) as unknown,
    });
  });

  it('tells the fuel that a call has used, where it is metered', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ functions: { burn: () => 'done' }, fuelUsed: 1_234 });
    expect((await fixture.invoke('burn')).body).toMatchObject({ result: 'done', fuelUsed: 1_234 });
  });

  it('gives a pinned call its release, and refuses one that is not here with 421', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.start();
    const [r1, r2] = ['r1', 'r2'].map((id, i) =>
      fixture.release(id, i === 0 ? 100 : 0, { functions: { who: () => id } }),
    );
    fixture.server.wish(1, desiredModule('greeter', 1, ...[r1, r2].filter((release) => release !== undefined)));
    await waitFor(() => fixture.server.observedGeneration === 1);
    expect((await fixture.invoke('who', {}, fixture.pinned('r2'))).body['result']).toBe('r2');
    expect((await fixture.invoke('who')).body['result']).toBe('r1');
    expect(await fixture.invoke('who', {}, fixture.pinned('r3'))).toMatchObject({
      status: 421,
      type: 'application/problem+json',
      body: { code: 'HS_AGENT_RELEASE_NOT_HERE', status: 421, retryable: true },
    });
    expect(await fixture.invoke('who', {}, {}, 'nobody')).toMatchObject({
      status: 421,
      body: { code: 'HS_AGENT_MODULE_NOT_HERE' },
    });
  });

  it('runs a WASI command: a non-zero exit is an answer and counts as an error', async () => {
    await using fixture = await AgentFixture.create();
    const command: NonNullable<FakeModule['command']> = ({ args, stdin, env }) => ({
      exitCode: 3,
      stdout: `${args?.join(',') ?? ''} ${Buffer.from(stdin ?? []).toString()} ${env?.['A'] ?? ''}`,
    });
    await fixture.serving({ command });
    for (const name of ['_start', 'run']) {
      const { status, body } = await fixture.invoke(name, {
        args: ['x', 'y'],
        stdin: Buffer.from('in').toString('base64'),
        env: { A: 'b' },
      });
      expect(status).toBe(200);
      expect(body).toMatchObject({
        result: null,
        exitCode: 3,
        stdout: Buffer.from('x,y in b').toString('base64'),
        stderr: '',
      });
    }
    await waitFor(() => fixture.server.calls.get('r1')?.calls === 2);
    expect(fixture.server.calls.get('r1')).toEqual({ calls: 2, errors: 2, crashes: 0 });
  });

  it.each<[string, Error, number, string, { calls: number; errors: number; crashes: number }]>([
    ['a trap', fakeRuntimeError('HS_RUNTIME_TRAP'), 422, 'HS_RUNTIME_TRAP', { calls: 1, errors: 1, crashes: 1 }],
    [
      'a time limit',
      fakeRuntimeError('HS_RUNTIME_TIMEOUT'),
      504,
      'HS_RUNTIME_TIMEOUT',
      { calls: 1, errors: 1, crashes: 1 },
    ],
    [
      'something unknown',
      new TypeError('secret path /etc'),
      500,
      'HS_AGENT_INTERNAL',
      { calls: 1, errors: 1, crashes: 0 },
    ],
  ])('answers %s with its status and counts it', async (_what, error, status, code, counted) => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ functions: { go: () => Promise.reject(error) } });
    const answer = await fixture.invoke('go', {}, { [invokeHeaders.requestId]: 'req-7' });
    expect(answer).toMatchObject({
      status,
      type: 'application/problem+json',
      body: { code, status, requestId: 'req-7' },
    });
    expect(JSON.stringify(answer.body)).not.toContain('secret');
    await waitFor(() => fixture.server.calls.get('r1')?.calls === 1);
    expect(fixture.server.calls.get('r1')).toEqual(counted);
  });

  it('does not count a call that was not admitted', async () => {
    await using fixture = await AgentFixture.create();
    let fail = true;
    await fixture.serving({
      functions: { go: () => (fail ? Promise.reject(fakeRuntimeError('HS_RUNTIME_QUEUE_FULL')) : 'x') },
    });
    expect(await fixture.invoke('go')).toMatchObject({ status: 503, body: { retryable: true } });
    fail = false;
    await fixture.invoke('go');
    await waitFor(() => fixture.server.calls.get('r1')?.calls === 1);
    expect(fixture.server.calls.get('r1')?.errors).toBe(0);
  });

  it('answers the err case of a result as an answer and counts it as an error', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({
      functions: {
        go: () => Promise.reject(fakeRuntimeError('HS_RUNTIME_GUEST_ERROR', { payload: { reason: 'no' } })),
      },
    });
    expect(await fixture.invoke('go')).toMatchObject({ status: 200, body: { result: { err: { reason: 'no' } } } });
    await waitFor(() => fixture.server.calls.get('r1')?.errors === 1);
    expect(fixture.server.calls.get('r1')?.crashes).toBe(0);
  });

  it.each<[string, unknown, string, number]>([
    ['no JSON', '{', 'go', 400],
    ['a list', '[]', 'go', 400],
    ['an unknown field', { argv: [] }, 'go', 400],
    ['args that are no list', { args: 'x' }, 'go', 400],
    ['stdin for a function', { stdin: '' }, 'go', 400],
    ['too few args', {}, 'add', 400],
    ['a wrong type', { args: ['x'] }, 'add', 400],
    ['an unknown function', {}, 'gone', 404],
  ])('refuses %s', async (_what, body, fn, status) => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ functions: { go: () => 'x', add: () => 1 }, signatures: [text('go'), text('add', 'u32')] });
    expect(await fixture.invoke(fn, body)).toMatchObject({ status, type: 'application/problem+json' });
  });

  it.each<[string, unknown]>([
    ['stdin that is no base64', { stdin: 'a b' }],
    ['args that are no texts', { args: [1] }],
    ['env that is no texts', { env: { A: 1 } }],
    ['a broken name in env', { env: { 'A=B': 'x' } }],
  ])('refuses %s for a command', async (_what, body) => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ command: () => ({ exitCode: 0, stdout: '' }) });
    expect(await fixture.invoke('run', body)).toMatchObject({
      status: 400,
      body: { code: 'HS_AGENT_INVALID_REQUEST' },
    });
  });

  it('refuses a body that is too large, announced or not, and goes on', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ functions: { go: () => 'x' } });
    const large = 'x'.repeat(2_300_000);
    expect((await fixture.invoke('go', large)).status).toBe(413);
    const chunked = await fetch(`${fixture.agent?.dataPlaneUrl ?? ''}/invoke/greeter/go`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await fixture.server.invokeToken()}` },
      body: new Blob([large]).stream(),
      duplex: 'half',
    }).then(
      ({ status }) => status,
      () => 413,
    );
    expect(chunked).toBe(413);
    expect((await fixture.invoke('go')).status).toBe(200);
  });

  it('wants a token for calls and none for health', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ functions: { go: () => 'x' } });
    expect(await fixture.invoke('go', {}, { authorization: 'Bearer nonsense' })).toMatchObject({
      status: 401,
      body: { code: 'HS_AGENT_UNAUTHENTICATED' },
    });
    const health = await fetch(`${fixture.agent?.dataPlaneUrl ?? ''}/health`);
    expect([health.status, await health.json()]).toEqual([200, { status: 'Healthy', nodeId: 'edge-1' }]);
    for (const path of ['/', '/invoke/greeter', '/invoke/%E0%A4%A/go', '/invoke/a/b/c']) {
      const answer = await fetch(`${fixture.agent?.dataPlaneUrl ?? ''}${path}`, { method: 'POST' });
      expect(answer.status).toBe(404);
      await answer.body?.cancel();
    }
  });

  it('passes the time limit of the caller on and refuses nonsense', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ functions: { go: (_args, { timeoutMs }) => String(timeoutMs) } });
    expect((await fixture.invoke('go', {}, { [invokeHeaders.timeoutMs]: '250' })).body['result']).toBe('250');
    expect((await fixture.invoke('go', {}, { [invokeHeaders.timeoutMs]: '-1' })).status).toBe(400);
  });

  it('cancels a call whose caller has gone', async () => {
    await using fixture = await AgentFixture.create();
    const cancelled = Promise.withResolvers<boolean>();
    const started = Promise.withResolvers<undefined>();
    await fixture.serving({
      functions: {
        slow: (_args, { signal }) => {
          started.resolve(undefined);
          return new Promise((_resolve, reject) =>
            signal?.addEventListener('abort', () => {
              cancelled.resolve(true);
              reject(fakeRuntimeError('HS_RUNTIME_CANCELLED'));
            }),
          );
        },
      },
    });
    const { hostname, port } = new URL(fixture.agent?.dataPlaneUrl ?? '');
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST /invoke/greeter/slow HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${await fixture.server.invokeToken()}\r\ncontent-length: 2\r\n\r\n{}`,
    );
    await started.promise;
    socket.destroy();
    expect(await cancelled.promise).toBe(true);
  });

  it('drops nothing while releases are swapped under calls that are pinned or not', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ functions: { who: () => 'r1' } });
    let isDone = false;
    let calls = 0;
    const caller = async (): Promise<void> => {
      while (!isDone) {
        const { status, body } = await fixture.invoke('who');
        expect([status, body['result']]).toEqual([200, body['releaseId']]);
        calls++;
      }
    };
    const callers = [caller(), caller(), caller()];
    for (let i = 2; i <= 20; i++) {
      fixture.server.wish(
        i,
        desiredModule('greeter', i, fixture.release(`r${i}`, 100, { functions: { who: () => `r${i}` } })),
      );
      await waitFor(() => fixture.server.observedGeneration === i);
    }
    isDone = true;
    await Promise.all(callers);
    expect(calls).toBeGreaterThan(20);
    await waitFor(() => fixture.runtime.open.size === 1);
  });

  it('lets calls end when the agent stops and takes no new ones', async () => {
    await using fixture = await AgentFixture.create();
    const gate = Promise.withResolvers<string>();
    const started = Promise.withResolvers<undefined>();
    await fixture.serving({
      functions: {
        slow: () => {
          started.resolve(undefined);
          return gate.promise;
        },
      },
    });
    const call = fixture.invoke('slow');
    await started.promise;
    const stopped = fixture.agent?.stop();
    gate.resolve('made it');
    expect((await call).body['result']).toBe('made it');
    await stopped;
    await expect(fixture.invoke('slow')).rejects.toThrow();
    expect(fixture.runtime.open.size).toBe(0);
  });
});
