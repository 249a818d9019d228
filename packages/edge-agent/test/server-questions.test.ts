import { defaultHealthCheck } from '@hotswap/core';
import type { NodeChecksAnswer, NodeLogBatch } from '@hotswap/protocol';
import { describe, expect, it } from 'vitest';
import { AgentFixture, waitFor } from './agent-fixture.ts';
import { fakeRuntimeError } from './fake-runtime-host.ts';
import { desiredModule } from './node-fixture.ts';

const noParams = (name: string) => ({ name, params: [], result: 'string' });

async function ask<T = Record<string, unknown>>(
  fixture: AgentFixture,
  path: string,
  question: unknown,
  token?: string,
): Promise<{ status: number; body: T }> {
  const answer = await fetch(`${fixture.agent?.dataPlaneUrl ?? ''}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token ?? (await fixture.server.invokeToken())}` },
    body: typeof question === 'string' ? question : JSON.stringify(question),
  });
  return { status: answer.status, body: (await answer.json()) as T };
}

const everything = { limit: 1_000, waitMs: 0 };
const readLog = (fixture: AgentFixture, more: object = {}) =>
  ask<NodeLogBatch>(fixture, '/node/logs', { ...everything, ...more });
const letGo = async (fixture: AgentFixture, release: string) =>
  (await readLog(fixture)).body.lines.some(
    ({ releaseId, text }) => releaseId === release && text.startsWith('let go of'),
  );

describe('questions of a server', () => {
  it('about the log bring what became of modules and what they wrote, in order', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({ command: () => ({ exitCode: 0, stdout: 'hello\n' }) });
    await fixture.invoke('run');
    fixture.server.wish(2, desiredModule('greeter', 2, fixture.release('r2', 100)));
    // Each is let go of when its drain ends, which nothing else waits for: one after the other has one order only.
    await waitFor(() => letGo(fixture, 'r1'));
    fixture.server.wish(3);
    await waitFor(() => letGo(fixture, 'r2'));
    const { body } = await readLog(fixture);
    expect(body.lines.map(({ releaseId, stream, text }) => [releaseId, stream, text])).toEqual([
      ['r1', 'agent', 'loaded'],
      [null, 'agent', 'swapped: requests now go to 1.0.0 (r1) 100 %'],
      ['r1', 'stdout', 'hello'],
      ['r2', 'agent', 'loaded'],
      [null, 'agent', 'swapped: requests now go to 1.0.0 (r2) 100 %'],
      ['r1', 'agent', 'let go of: its last request has ended'],
      [null, 'agent', 'takes no requests any more'],
      ['r2', 'agent', 'let go of: its last request has ended'],
    ]);
  });

  it('about the log bring what a release failed with, and what a call had written before it failed', async () => {
    await using fixture = await AgentFixture.create();
    const trap = fakeRuntimeError('HS_RUNTIME_TRAP', { stderr: 'last\nwords' });
    await fixture.serving({ functions: { go: () => Promise.reject(trap) } });
    await fixture.invoke('go');
    const broken = fixture.release('r2', 0, {
      loadError: fakeRuntimeError('HS_RUNTIME_LINK_FAILED', { imports: 'x' }),
    });
    fixture.server.wish(2, desiredModule('greeter', 2, fixture.release('r1', 100), broken));
    await waitFor(() => fixture.server.observedGeneration === 2);
    const { lines } = (await readLog(fixture)).body;
    expect(lines.map(({ level, stream, text }) => [level, stream, text])).toEqual(
      expect.arrayContaining([
        ['warn', 'stderr', 'last'],
        ['warn', 'stderr', 'words'],
        ['error', 'agent', 'go: HS_RUNTIME_TRAP: The module trapped'],
        ['error', 'agent', 'cannot serve: HS_RUNTIME_LINK_FAILED: The import x is missing'],
      ]),
    );
  });

  it('about health run every function once, and tell why one is not well', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.start();
    const answers = { good: 'OK', bad: 'tired' };
    const releases = Object.entries(answers).map(([name, answer]) =>
      desiredModule(
        name,
        1,
        fixture.release(name, 100, {
          functions: { health_check: () => answer },
          signatures: [noParams('health_check')],
        }),
      ),
    );
    const slow = fixture.release('slow', 100, {
      functions: { health_check: () => Promise.reject(fakeRuntimeError('HS_RUNTIME_TIMEOUT')) },
      signatures: [noParams('health_check')],
    });
    fixture.server.wish(
      1,
      ...releases,
      desiredModule('slow', 1, slow),
      desiredModule('none', 1, fixture.release('none', 100)),
    );
    await waitFor(() => fixture.server.observedGeneration === 1);
    const check = defaultHealthCheck;
    const checks = ['good', 'bad', 'slow', 'none', 'gone'].map((name) => ({
      moduleName: name,
      releaseId: name,
      check,
    }));
    const off = { moduleName: 'good', releaseId: 'good', check: { ...check, enabled: false } };
    const { status, body } = await ask<NodeChecksAnswer>(fixture, '/node/checks', {
      checks: [...checks, off],
      timeoutMs: 5_000,
    });
    expect(status).toBe(200);
    expect(body.checks.map(({ releaseId, state, message }) => [releaseId, state, message])).toEqual([
      ['good', 'healthy', undefined],
      ['bad', 'unhealthy', 'health_check answered "tired" instead of "OK"'],
      ['slow', 'unhealthy', 'health_check did not answer within PT5S'],
      ['none', 'unhealthy', 'the module exports no function health_check'],
      ['gone', 'missing', 'the release is not ready on the node'],
      ['good', 'disabled', undefined],
    ]);
    expect(body.resources.modulesLoaded).toBe(4);
  });

  it('about health end in the time that there is, whatever the modules do', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.serving({
      functions: {
        health_check: (_args, { signal }) =>
          new Promise((_resolve, reject) =>
            signal?.addEventListener('abort', () => reject(fakeRuntimeError('HS_RUNTIME_CANCELLED'))),
          ),
      },
      signatures: [noParams('health_check')],
    });
    const checks = Array.from({ length: 20 }, () => ({
      moduleName: 'greeter',
      releaseId: 'r1',
      check: { ...defaultHealthCheck, timeout: 'PT30S' },
    }));
    const { body } = await ask<NodeChecksAnswer>(fixture, '/node/checks', { checks, timeoutMs: 50 });
    expect(new Set(body.checks.map(({ state, message }) => `${state}: ${message ?? ''}`))).toEqual(
      new Set(['unhealthy: it did not answer in the time that there was']),
    );
    expect(body.checks).toHaveLength(20);
  });

  it.each<[string, string, unknown]>([
    ['no JSON', '/node/logs', '{'],
    ['nothing', '/node/logs', ''],
    ['an unknown field', '/node/logs', { ...everything, all: true }],
    ['a position that no log gives out', '/node/logs', { ...everything, after: '7' }],
    ['too long a wait', '/node/logs', { limit: 1, waitMs: 60_000 }],
    ['too many lines', '/node/logs', { limit: 100_000, waitMs: 0 }],
    ['no checks', '/node/checks', {}],
    [
      'a check without a function',
      '/node/checks',
      { checks: [{ moduleName: 'a', releaseId: 'b', check: {} }], timeoutMs: 1 },
    ],
  ])('with %s are refused', async (_what, path, question) => {
    await using fixture = await AgentFixture.create();
    await fixture.start();
    await waitFor(() => fixture.server.heartbeats.length > 0);
    expect(await ask(fixture, path, question)).toMatchObject({
      status: 400,
      body: { code: 'HS_AGENT_INVALID_REQUEST' },
    });
  });

  it('are answered for whoever has a token of the server, and nobody else', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.start();
    await waitFor(() => fixture.server.heartbeats.length > 0);
    for (const path of ['/node/logs', '/node/checks'])
      expect(await ask(fixture, path, everything, 'nonsense')).toMatchObject({ status: 401 });
    const answer = await fetch(`${fixture.agent?.dataPlaneUrl ?? ''}/node/logs`);
    expect(answer.status).toBe(404);
    await answer.body?.cancel();
  });

  it('do not keep a node from stopping', async () => {
    await using fixture = await AgentFixture.create();
    await fixture.start();
    await waitFor(() => fixture.server.heartbeats.length > 0);
    const { next: after } = (await readLog(fixture)).body;
    const waiting = readLog(fixture, { after, waitMs: 20_000 });
    // By the time that these are answered it waits.
    for (let i = 0; i < 5; i++) await readLog(fixture);
    await fixture.agent?.stop();
    expect((await waiting).body.lines).toEqual([]);
  });
});
