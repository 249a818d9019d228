import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { MetricsQuestion } from '@hotswap/core';
import { PrometheusMetricsSource, type PrometheusOptions } from '@hotswap/metrics-prometheus';

const question: MetricsQuestion = {
  ...{ tenant: 'default', deploymentId: 'd', moduleName: 'greeter', variant: 'rel-1', nodes: [[0, 1]], since: 0 },
  queries: { it: 'up' },
};
const answering = (value: string): string =>
  JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [1, value] } });

/** A server that answers as a test says, and what it was asked. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    request.resume().on('end', () => answer(request, response));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const errors: unknown[] = [];
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    asked,
    errors,
    baseUrl,
    source: (options: Partial<PrometheusOptions> = {}) =>
      new PrometheusMetricsSource({
        baseUrl,
        environment: {},
        cacheMs: 0,
        onError: (error) => errors.push(error),
        ...options,
      }),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

describe('the Prometheus source', () => {
  it('asks below the path of its address, with the authorization of the environment', async () => {
    await using rig = await serve((_, response) => void response.end(answering('7')));
    const environment = { TOKEN: 'Bearer secret' };
    const source = rig.source({
      baseUrl: `${rig.baseUrl}/proxied/prometheus`,
      environment,
      authorizationVariable: 'TOKEN',
    });
    expect((await source.read(question)).custom['it']?.mean).toBe(7);
    expect(rig.asked[0]).toMatchObject({ method: 'POST', url: '/proxied/prometheus/api/v1/query' });
    expect(rig.asked[0]?.headers.authorization).toBe('Bearer secret');
    expect((await rig.source().read(question)).custom['it']?.mean).toBe(7);
    expect(rig.asked[1]?.headers.authorization).toBeUndefined();
  });

  it.each<[string, (request: IncomingMessage, response: ServerResponse) => void, string]>([
    [
      'leads elsewhere',
      (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      'HS_METRICS_UNREACHABLE',
    ],
    ['does not answer in time', () => undefined, 'HS_METRICS_UNREACHABLE'],
    ['breaks off', (_, response) => void response.destroy(), 'HS_METRICS_UNREACHABLE'],
    ['answers without end', (_, response) => void response.end('x'.repeat(2_000_000)), 'HS_METRICS_UNREACHABLE'],
    ['answers something else', (_, response) => void response.end('<html>'), 'HS_METRICS_REFUSED'],
    ['refuses the authorization', (_, response) => void response.writeHead(401).end(), 'HS_METRICS_REFUSED'],
  ])('has no data, and says why, when the server %s', async (_, answer, code) => {
    await using rig = await serve(answer);
    expect((await rig.source({ timeoutMs: 300 }).read(question)).custom).toEqual({});
    expect(rig.errors).toEqual([expect.objectContaining({ code })]);
    expect(JSON.stringify(rig.errors)).not.toContain('secret');
  });

  it('has no data when no server is there', async () => {
    const errors: unknown[] = [];
    const source = new PrometheusMetricsSource({
      baseUrl: 'http://127.0.0.1:1',
      onError: (error) => errors.push(error),
    });
    expect((await source.read(question)).custom).toEqual({});
    expect(errors).toEqual([expect.objectContaining({ code: 'HS_METRICS_UNREACHABLE' })]);
  });

  it('asks once for questions that come close together', async () => {
    let answers = 0;
    await using rig = await serve((_, response) => void response.end(answering(String(++answers))));
    const source = rig.source({ cacheMs: 60_000 });
    const read = await Promise.all([source.read(question), source.read(question)]);
    expect([...read, await source.read(question)].map(({ custom }) => custom['it']?.mean)).toEqual([1, 1, 1]);
    expect(rig.asked).toHaveLength(1);
    await source.read({ ...question, variant: 'rel-2' });
    expect(rig.asked).toHaveLength(2);
  });

  it('takes an answer as it was while a slow server renews it', async () => {
    const held: ServerResponse[] = [];
    await using rig = await serve((_, response) => {
      if (rig.asked.length === 1) response.end(answering('1'));
      else held.push(response);
    });
    const source = rig.source();
    expect((await source.read(question)).custom['it']?.mean).toBe(1);
    expect((await source.read(question)).custom['it']?.mean).toBe(1);
    await expect.poll(() => held.length).toBe(1);
    held[0]?.end(answering('2'));
    await expect.poll(async () => (await source.read(question)).custom['it']?.mean).toBe(2);
    for (const response of held) response.end(answering('2'));
  });

  it('answers nothing of its own', async () => {
    const source = new PrometheusMetricsSource({ baseUrl: 'http://127.0.0.1:1' });
    const { queries: _, ...plain } = question;
    expect(await source.read(plain)).toMatchObject({ samples: 0, custom: {} });
  });

  it('says how long it needs after a shift of traffic', () => {
    expect(new PrometheusMetricsSource({ baseUrl: 'http://127.0.0.1' }).settleMs).toBe(60_000);
    expect(new PrometheusMetricsSource({ baseUrl: 'http://127.0.0.1', settleMs: 300_000 }).settleMs).toBe(300_000);
  });

  it.each([
    ['no URL', { baseUrl: 'prometheus' }],
    ['another scheme', { baseUrl: 'file:///etc/passwd' }],
    ['a password in the URL', { baseUrl: 'http://user:secret@127.0.0.1' }],
    ['a query in the URL', { baseUrl: 'http://127.0.0.1/?a=b' }],
    ['no time', { baseUrl: 'http://127.0.0.1', timeoutMs: 0 }],
    ['a time that goes back', { baseUrl: 'http://127.0.0.1', settleMs: -1 }],
  ])('refuses %s, without repeating it', (_, options) => {
    expect(() => new PrometheusMetricsSource(options)).toThrow(
      expect.objectContaining({ code: 'HS_CONFIG_PROMETHEUS_INVALID', message: expect.not.stringContaining('secret') }),
    );
  });
});
