import { request } from 'node:http';
import { createHotSwapClient, readSse, type NodeLogBatch, type NodeLogLine } from '@hotswap/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ScriptedAgent, type ScriptedAgentOptions } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const base = '/api/v1/wasm/nodes/edge-1';

function line(number: number, text = `line ${number}`): NodeLogLine {
  return {
    id: `0badcafe.n${number}`,
    at: '2026-01-02T03:04:05.678Z',
    moduleName: 'greeter',
    releaseId: 'rel-1',
    version: '1.0.0',
    level: 'info',
    stream: 'stdout',
    text,
  };
}

function batch(lines: readonly NodeLogLine[], more: Partial<NodeLogBatch> = {}): NodeLogBatch {
  return { lines, next: lines.at(-1)?.id ?? '0badcafe.n0', hasMore: false, ...more };
}

describe('what nodes are asked', () => {
  let server: TestServer;
  let agent: ScriptedAgent;
  /** Every question that came, by path. */
  let asked: { readonly path: string; readonly question: Record<string, unknown> }[];
  let answer: NonNullable<ScriptedAgentOptions['questions']>;

  const startBoth = async (): Promise<void> => {
    server = await startTestServer();
    const { token } = await server.client.nodes.createJoinToken({ uses: 1 });
    agent = new ScriptedAgent({
      ...{ url: server.url, nodeId: 'edge-1', region: 'us-east', joinToken: token },
      questions: (path, question, left) => {
        asked.push({ path, question });
        return answer(path, question, left);
      },
    });
    await agent.start();
  };
  const stopBoth = async (): Promise<void> => {
    await agent.stop();
    await server[Symbol.asyncDispose]();
  };
  beforeAll(startBoth);
  afterAll(stopBoth);
  beforeEach(() => {
    asked = [];
    answer = () => Promise.resolve(batch([line(1), line(2)]));
  });

  const events = async (path: string, headers: Record<string, string> = {}): Promise<readonly string[]> => {
    const response = await fetch(`${server.url}${path}`, {
      headers: { authorization: `Bearer ${server.token}`, ...headers },
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    const seen: string[] = [];
    for await (const { event, id = '', data } of readSse(response.body as unknown as AsyncIterable<Uint8Array>)) {
      const { line: one, ...rest } = JSON.parse(data) as { kind: string; line?: NodeLogLine };
      expect(rest.kind).toBe(event);
      seen.push(`${id} ${one?.text ?? JSON.stringify(rest)}`);
    }
    return seen;
  };

  describe('about their log', () => {
    it('is sent as events with ids, and ends where nothing is to be followed', async () => {
      expect(await events(`${base}/logs?follow=false&module=greeter&tail=7`)).toEqual([
        '0badcafe.n1 line 1',
        '0badcafe.n2 line 2',
        '0badcafe.n2 {"kind":"end"}',
      ]);
      expect(asked).toEqual([{ path: '/node/logs', question: { module: 'greeter', tail: 7, limit: 500, waitMs: 0 } }]);
    });

    it('goes on after Last-Event-ID, whatever tail says, in as many parts as the node makes of it', async () => {
      answer = (_path, { after }) =>
        Promise.resolve(
          after === '0badcafe.n5'
            ? batch([line(9)], { lost: { reason: 'overwritten', lines: 3 }, hasMore: true })
            : batch([line(10)]),
        );
      expect(await events(`${base}/logs?follow=false&tail=1`, { 'last-event-id': '0badcafe.n5' })).toEqual([
        ' {"kind":"lost","reason":"overwritten","lines":3}',
        '0badcafe.n9 line 9',
        '0badcafe.n10 line 10',
        '0badcafe.n10 {"kind":"end"}',
      ]);
      expect(asked.map(({ question }) => question)).toEqual([
        { after: '0badcafe.n5', limit: 500, waitMs: 0 },
        { after: '0badcafe.n9', limit: 500, waitMs: 0 },
      ]);
    });

    it.each([
      ['?follow=maybe', '/query/follow'],
      ['?tail=-1', '/query/tail'],
      ['?tail=many', '/query/tail'],
      ['?module=', '/query/module'],
      ['?since=1', '/query/since'],
    ])('is refused with %s', async (query, pointer) => {
      const { status, body } = await server.send('GET', `${base}/logs${query}`);
      expect([status, body['code']]).toEqual([400, 'HS_API_INVALID_REQUEST']);
      expect(JSON.stringify(body)).toContain(pointer);
      expect(asked).toEqual([]);
    });

    it('is refused with a Last-Event-ID that no log has given out', async () => {
      const { status, body } = await server.send('GET', `${base}/logs`, { headers: { 'last-event-id': '17' } });
      expect([status, body['code']]).toEqual([400, 'HS_API_INVALID_REQUEST']);
    });

    it('is for readers of the same tenant, and for nobody else', async () => {
      const keyOf = async (role: 'viewer' | 'invoker' | 'metrics' | 'admin', tenant = 'default'): Promise<string> =>
        (await server.client.auth.keys.create({ name: `${role}-${tenant}`, role, tenant })).key;
      const statusFor = async (token: string | null): Promise<number> =>
        (await server.send('GET', `${base}/logs?follow=false`, { token })).status;
      expect(await statusFor(null)).toBe(401);
      expect(await statusFor(await keyOf('invoker'))).toBe(403);
      expect(await statusFor(await keyOf('metrics'))).toBe(403);
      expect(await statusFor(agent.credential)).toBe(403);
      expect(await statusFor(await keyOf('viewer'))).toBe(200);
      asked.length = 0;
      expect(await statusFor(await keyOf('admin', 'acme'))).toBe(404);
      expect(asked).toEqual([]);
      expect((await server.send('GET', '/api/v1/wasm/nodes/edge-9/logs')).status).toBe(404);
    });

    it('lets the node know at once when the reader has left', async () => {
      const left = Promise.withResolvers<undefined>();
      answer = (_path, { waitMs }, signal) => {
        if (waitMs === 0) return Promise.resolve(batch([line(1)]));
        signal.addEventListener('abort', () => left.resolve(undefined));
        return null;
      };
      const reader = new AbortController();
      const response = await fetch(`${server.url}${base}/logs`, {
        headers: { authorization: `Bearer ${server.token}` },
        signal: reader.signal,
      });
      await response.body?.getReader().read();
      await expect.poll(() => asked.length, { timeout: 10_000 }).toBe(2);
      reader.abort();
      await left.promise;
    });

    it('is asked of the node no faster than a slow reader takes it', async () => {
      let number = 0;
      answer = () =>
        Promise.resolve(
          batch(
            Array.from({ length: 500 }, () => line(++number, 'x'.repeat(2_000))),
            { hasMore: true },
          ),
        );
      const { port } = new URL(server.url);
      const headers = { authorization: `Bearer ${server.token}` };
      const call = request({ host: '127.0.0.1', port, path: `${base}/logs`, headers });
      const response = await new Promise<NodeJS.ReadableStream & { destroy(): void }>((resolve) => {
        call.on('response', resolve);
        call.end();
      });
      response.pause();
      // What fits on the way to the reader is asked for, and then nothing more.
      let before = -1;
      await expect
        .poll(
          () => {
            const [last, now] = [before, asked.length];
            before = now;
            return now === last;
          },
          { interval: 500, timeout: 20_000 },
        )
        .toBe(true);
      const stuckAt = asked.length;
      expect(stuckAt).toBeLessThan(40);
      response.resume();
      await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(stuckAt + 2);
      response.destroy();
    });

    it('says that the node is away, and goes on when it is back', async () => {
      let fails = 0;
      answer = (_path, { after }) => {
        if (after === undefined) return Promise.resolve(batch([line(1)]));
        if (++fails <= 2) return Promise.resolve('no JSON');
        return Promise.resolve(batch([line(2)]));
      };
      const seen: string[] = [];
      const client = createHotSwapClient({ baseUrl: server.url, token: server.token });
      for await (const event of client.nodes.logs('edge-1')) {
        seen.push(event.kind === 'line' ? event.line.text : event.kind);
        if (event.kind === 'line' && event.line.text === 'line 2') break;
      }
      expect(seen).toEqual(['line 1', 'interrupted', 'line 2']);
    });
  });

  describe('about their health', () => {
    const checked = { checks: [], resources: { cpuUsagePercent: 7, memoryUsageMB: 8, modulesLoaded: 9 } };

    it('is what the modules say now, with what the node has in use', async () => {
      await server.client.modules.register({
        name: 'greeter',
        version: '1.0.0',
        wasm: coreModule(),
        healthCheck: { expected: '7', timeout: 'PT2S' },
      });
      const { deploymentId } = await server.client.deployments.create({
        moduleId: 'greeter-v1.0.0',
        strategy: 'AllAtOnce',
      });
      await server.client.deployments.execute(deploymentId);
      await expect
        .poll(async () => (await server.client.deployments.get(deploymentId)).status, { timeout: 20_000 })
        .toBe('Completed');
      const state = (of: 'healthy' | 'unhealthy') => (_path: string, question: Record<string, unknown>) => {
        const [check] = question['checks'] as { moduleName: string; releaseId: string }[];
        const { moduleName = '', releaseId = '' } = check ?? {};
        const message = of === 'healthy' ? {} : { message: 'tired' };
        return Promise.resolve({
          ...checked,
          checks: [{ moduleName, releaseId, state: of, durationMs: 1, ...message }],
        });
      };
      answer = state('healthy');
      const well = await server.client.nodes.checkHealth('edge-1');
      expect(well).toMatchObject({
        ...{ nodeId: 'edge-1', status: 'Healthy', cpuUsagePercent: 7, memoryUsageMB: 8, modulesLoaded: 9 },
        checks: [{ moduleName: 'greeter', version: '1.0.0', state: 'healthy' }],
      });
      expect(asked.at(-1)).toMatchObject({
        path: '/node/checks',
        question: {
          checks: [{ check: { enabled: true, expected: '7', timeout: 'PT2S', functionName: 'health_check' } }],
        },
      });
      answer = state('unhealthy');
      expect(await server.client.nodes.checkHealth('edge-1')).toMatchObject({
        status: 'Degraded',
        checks: [{ state: 'unhealthy', message: 'tired' }],
      });
    });

    it('is for administrators of the same tenant', async () => {
      answer = () => Promise.resolve(checked);
      const keyOf = async (role: 'viewer' | 'developer' | 'admin', tenant = 'default'): Promise<string> =>
        (await server.client.auth.keys.create({ name: `${role}-${tenant}`, role, tenant })).key;
      const statusFor = async (token: string | null): Promise<number> =>
        (await server.send('POST', `${base}/health`, { token })).status;
      expect(await statusFor(null)).toBe(401);
      for (const role of ['viewer', 'developer'] as const) expect(await statusFor(await keyOf(role))).toBe(403);
      expect(await statusFor(await keyOf('admin', 'acme'))).toBe(404);
      expect(asked).toEqual([]);
      expect(await statusFor(await keyOf('admin'))).toBe(200);
      expect((await server.send('POST', `${base}/health`, { body: { now: true } })).status).toBe(400);
    });

    it.each<[string, () => Promise<unknown>, number, string]>([
      ['something else', () => Promise.resolve({ checks: 'all good' }), 502, 'HS_NODE_BAD_ANSWER'],
      ['no JSON', () => Promise.resolve('<html>'), 502, 'HS_ROUTE_NODE_REFUSED'],
      ['that it knows no such question', () => Promise.resolve(undefined), 502, 'HS_ROUTE_NODE_REFUSED'],
    ])('fails clearly when the node answers %s', async (_what, reply, status, code) => {
      answer = reply;
      const answered = await server.send('POST', `${base}/health`);
      expect([answered.status, answered.body['code']]).toEqual([status, code]);
    });
  });

  it('fails clearly when nobody is there', async () => {
    await agent.stop();
    for (const [method, path] of [['POST', 'health'] as const, ['GET', 'logs'] as const]) {
      const { status, body } = await server.send(method, `${base}/${path}`);
      expect([status, body['code'], body['retryable']]).toEqual([503, 'HS_ROUTE_NODE_UNREACHABLE', true]);
    }
  });

  it('ends a log when the node is removed', async () => {
    await stopBoth();
    await startBoth();
    answer = (_path, { after }) => Promise.resolve(after === undefined ? batch([line(1)]) : 'gone');
    const response = await fetch(`${server.url}${base}/logs`, {
      headers: { authorization: `Bearer ${server.token}` },
    });
    const text = response.text();
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(1);
    expect((await server.send('DELETE', base)).status).toBe(204);
    expect(await text).toContain('event: interrupted');
  });

  it('does not keep the server from stopping while readers wait', async () => {
    await stopBoth();
    await startBoth();
    answer = (_path, { waitMs }) => (waitMs === 0 ? Promise.resolve(batch([line(1)])) : null);
    const response = await fetch(`${server.url}${base}/logs`, { headers: { authorization: `Bearer ${server.token}` } });
    const text = response.text();
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBe(2);
    await server.server.stop();
    expect(await text).toContain('line 1');
  });
});
