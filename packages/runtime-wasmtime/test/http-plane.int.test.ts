import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { LoadedModule } from '@hotswap/core';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, begin, headOf, problemOf, steadyClients, until } from './http-client.ts';
import { type HttpFixture, createPlane, httpFixture, route } from './http-fixture.ts';
import { failureOf, testHost } from './test-host.ts';

describe('HTTP plane', () => {
  let fixture: HttpFixture;
  beforeAll(async () => {
    await buildExampleModules();
  });
  beforeEach(async () => {
    fixture = await httpFixture();
  });
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  const load = async (name: string, version?: string): Promise<LoadedModule> =>
    await fixture.test.host.load({ bytes: await readFile(exampleModule(name, version).path) });
  const versionsOf = async (
    port: number,
    requests: number,
    headers: (index: number) => Readonly<Record<string, string>> = () => ({}),
  ): Promise<readonly string[]> =>
    await Promise.all(
      Array.from({ length: requests }, async (_, index) => {
        const { headers: answered } = await ask(port, '/hello', { headers: headers(index) });
        return String(answered['x-hotswap-version']);
      }),
    );

  it('serves a component by host and path, and says which version answered', async () => {
    fixture.serve('lab', { 'lab-1': [await load('http-lab'), 1] });
    fixture.serve('hello', { 'hello-1': [await load('http-hello', '1.0.0'), 1] });
    const { port } = await fixture.open([
      route('lab', '/lab'),
      route('lab', '/kept', { stripPrefix: false }),
      route('hello', '/', { hosts: ['hello.test', '*.wild.test'] }),
    ]);
    const lab = await ask(port, '/lab/echo?a=b', { body: 'over the wire' });
    expect(lab).toMatchObject({
      status: 200,
      body: 'over the wire',
      headers: { 'x-hotswap-version': 'lab-1', 'x-path': '/echo?a=b', 'x-method': 'POST' },
    });
    for (const host of ['hello.test', 'HELLO.test:80', 'a.wild.test'])
      expect((await ask(port, '/', { headers: { host } })).headers['x-hotswap-version']).toBe('hello-1');
    expect(problemOf(await ask(port, '/other'))).toEqual({
      status: 404,
      type: 'application/problem+json',
      code: 'HS_HTTP_NO_ROUTE',
    });
    expect(problemOf(await ask(port, '/labx')).status).toBe(404);
  });

  it('swaps under load without a failed or stale answer', async () => {
    const modules = await Promise.all(
      ['1.0.0', '1.1.0', '1.0.0'].map(async (version) => await load('http-hello', version)),
    );
    let current = 0;
    fixture.serve('hello', { '0': [modules[0] as LoadedModule, 1] });
    const { port } = await fixture.open([route('hello')]);
    const seen = { count: 0, stale: 0, failed: 0 };
    const clients = steadyClients(16, async (agent) => {
      const admittedAt = current;
      try {
        const { status, headers } = await ask(port, '/', { agent });
        if (status !== 200) seen.failed += 1;
        if (Number(headers['x-hotswap-version']) < admittedAt) seen.stale += 1;
      } catch {
        seen.failed += 1;
      }
      seen.count += 1;
    });
    for (let swap = 1; swap <= 100; swap++) {
      fixture.serve('hello', { [swap]: [modules[swap % 3] as LoadedModule, 1] });
      current = swap;
      const enough = seen.count + 20;
      await until(() => seen.count >= enough);
    }
    await clients.stop();
    expect(seen).toEqual({ count: seen.count, stale: 0, failed: 0 });
    expect(seen.count).toBeGreaterThanOrEqual(2_000);
  });

  it('shares requests by weight', async () => {
    const [a, b, warm] = await Promise.all([
      load('http-hello', '1.0.0'),
      load('http-hello', '1.1.0'),
      load('http-hello', '1.0.0'),
    ]);
    fixture.serve('hello', { a: [a, 3], b: [b, 1], warm: [warm, 0] });
    // Without affinity it is the client's address, so that every client here would be one.
    const { port } = await fixture.open([route('hello', '/', { affinity: { header: 'x-user' } })]);
    const versions = await versionsOf(port, 400, (index) => ({ 'x-user': `user-${String(index)}` }));
    const share = versions.filter((version) => version === 'b').length;
    expect(share).toBeGreaterThan(50);
    expect(share).toBeLessThan(150);
    expect(versions).not.toContain('warm');
  });

  it('keeps a client on its version while weights grow, and never takes it back', async () => {
    const [a, b] = await Promise.all([load('http-hello', '1.0.0'), load('http-hello', '1.1.0')]);
    fixture.serve('hello', { a: [a, 1] });
    const { port } = await fixture.open([route('hello', '/', { affinity: { cookie: 'session' } })]);
    const cookies = (index: number): Readonly<Record<string, string>> => ({
      cookie: `other=1; session=s${String(index)}`,
    });
    let before = await versionsOf(port, 60, cookies);
    for (const weight of [10, 25, 50, 90]) {
      fixture.serve('hello', { a: [a, 100 - weight], b: [b, weight] });
      const now = await versionsOf(port, 60, cookies);
      before.forEach((version, index) => {
        if (version === 'b') expect(now[index]).toBe('b');
      });
      before = now;
    }
    fixture.serve('hello', { b: [b, 1] });
    expect(new Set(await versionsOf(port, 60, cookies))).toEqual(new Set(['b']));
  });

  it('gives a forced version to the authorized alone', async () => {
    const [a, b] = await Promise.all([load('http-hello', '1.0.0'), load('http-hello', '1.1.0')]);
    fixture.serve('hello', { a: [a, 1], b: [b, 0] });
    const { port } = await fixture.open([route('hello', '/open'), route('hello', '/keys', { access: 'authorized' })], {
      authorize: async () => ({ validUntil: Date.now() + 60_000 }),
    });
    const forced = { 'x-hotswap-version': 'b', authorization: 'Bearer x' };
    expect((await ask(port, '/keys/', { headers: forced })).headers['x-hotswap-version']).toBe('b');
    expect((await ask(port, '/open/', { headers: forced })).headers['x-hotswap-version']).toBe('a');
    const elsewhere = { ...forced, 'x-hotswap-version': 'c' };
    expect(problemOf(await ask(port, '/keys/', { headers: elsewhere }))).toMatchObject({
      status: 421,
      code: 'HS_HTTP_VERSION_NOT_HERE',
    });
  });

  it.each<[string, unknown]>([
    ['a date', new Date(Date.now() + 60_000)],
    ['a text', String(Date.now() + 60_000)],
    ['no end of time', Number.NaN],
  ])('lets nobody in until %s, and survives it', async (_what, validUntil) => {
    fixture.serve('hello', { a: [await load('http-hello', '1.0.0'), 1] });
    const { port } = await fixture.open([route('hello', '/', { access: 'authorized' })], {
      authorize: async () => ({ validUntil: validUntil as number }),
    });
    expect((await ask(port, '/', { headers: { authorization: 'Bearer x' } })).status).toBe(401);
  });

  it('replaces routes while it serves', async () => {
    fixture.serve('lab', { v: [await load('http-lab'), 1] });
    const { port, listener } = await fixture.open([route('lab', '/old')]);
    expect((await ask(port, '/old/hello')).status).toBe(200);
    listener.setRoutes([route('lab', '/new')]);
    expect((await ask(port, '/old/hello')).status).toBe(404);
    expect((await ask(port, '/new/hello')).status).toBe(200);
  });

  it('counts what versions answered, cut and trapped', async () => {
    fixture.serve('lab', { v: [await load('http-lab'), 1] });
    const { port, plane } = await fixture.open([route('lab')]);
    for (const path of ['/hello', '/status?code=404', '/status?code=301', '/trap']) await ask(port, path);
    const cut = begin(port, '/stream?n=100&ms=20');
    cut.on('error', () => undefined);
    cut.end();
    await headOf(cut);
    cut.destroy();
    await until(() => plane.stats().inFlight === 0);
    const { versions, requests } = plane.stats();
    expect(requests).toBe(5);
    expect(versions).toHaveLength(1);
    expect(versions[0]).toMatchObject({
      slot: 'lab',
      version: 'v',
      requests: 5,
      status2xx: 2,
      status3xx: 1,
      status4xx: 1,
      status5xx: 1,
      traps: 1,
    });
    const inSketch = Object.values(versions[0]?.latency ?? {}).reduce((sum, count) => sum + count, 0);
    expect(inSketch).toBe(5);
  });

  it('tells of answered requests in batches', async () => {
    fixture.serve('lab', { v: [await load('http-lab'), 1] });
    const records: unknown[] = [];
    const { port } = await fixture.open([route('lab')], { onAccess: (batch) => records.push(...batch) });
    await ask(port, '/hello?secret=1');
    await until(() => records.length > 0);
    expect(records[0]).toMatchObject({ method: 'GET', path: '/hello', status: 200, slot: 'lab', version: 'v' });
  });

  it('serves two planes on one table, and closes one without the other', async () => {
    fixture.serve('lab', { v: [await load('http-lab'), 1] });
    const one = await fixture.open([route('lab')]);
    const other = await fixture.open([route('lab')]);
    expect((await ask(one.port, '/hello')).status).toBe(200);
    expect(await one.plane.close(1_000)).toEqual({ finished: 0, cut: 0 });
    await expect(ask(one.port, '/hello')).rejects.toThrow('ECONNREFUSED');
    expect((await ask(other.port, '/hello')).status).toBe(200);
    expect(await failureOf(one.plane.listen({}))).toMatchObject({ code: 'HS_RUNTIME_CLOSED' });
  });

  it('lets calls in flight end while it closes, and cuts them at the deadline', async () => {
    fixture.serve('lab', { v: [await load('http-lab'), 1] });
    const patient = await fixture.open([route('lab')]);
    const answer = ask(patient.port, '/sleep?ms=300');
    await until(() => patient.plane.stats().inFlight === 1);
    expect(await patient.plane.close(5_000)).toEqual({ finished: 1, cut: 0 });
    expect((await answer).status).toBe(200);

    const hasty = await fixture.open([route('lab')]);
    const cut = ask(hasty.port, '/sleep?ms=20000').then(
      ({ status }) => status,
      () => 'cut',
    );
    await until(() => hasty.plane.stats().inFlight === 1);
    expect(await hasty.plane.close(50)).toEqual({ finished: 0, cut: 1 });
    expect(await cut).not.toBe(200);
  });

  it('drains a module that is taken out of its slot', async () => {
    const lab = await load('http-lab');
    fixture.serve('lab', { old: [lab, 1] });
    const { port } = await fixture.open([route('lab')]);
    const slow = begin(port, '/stream?n=5&ms=60');
    slow.end();
    const response = await headOf(slow);
    fixture.serve('lab', { next: [await load('http-lab'), 1] });
    const drained = fixture.slots.drain(lab, 5_000);
    let text = '';
    for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString();
    expect(text.trim().split('\n')).toHaveLength(5);
    expect(await drained).toEqual({ finished: 1, cut: 0 });
  });

  it('refuses a port that is taken, a certificate that is none and a table of another host', async () => {
    const { port, plane } = await fixture.open([]);
    expect(await failureOf(plane.listen({ port }))).toMatchObject({ code: 'HS_RUNTIME_LISTEN_FAILED' });
    expect(await failureOf(plane.listen({ tls: [{ certPem: 'x', keyPem: 'y' }] }))).toMatchObject({
      code: 'HS_RUNTIME_INVALID_ARGUMENT',
    });
    const foreign = { set: () => undefined } as never;
    expect(await failureOf(createPlane(fixture.test, { slots: foreign }))).toMatchObject({
      code: 'HS_RUNTIME_INVALID_ARGUMENT',
    });
  });

  it('closes its planes with the host', async () => {
    await using other = await testHost();
    const plane = await createPlane(other, { slots: other.host.createSlotTable() });
    const { port } = await plane.listen({});
    await other.host[Symbol.asyncDispose]();
    await expect(ask(port, '/')).rejects.toThrow('ECONNREFUSED');
  });

  it('serves from a Worker, and goes with it', async () => {
    const worker = new Worker(new URL('./scenarios/http-worker.ts', import.meta.url), {
      workerData: { path: exampleModule('http-lab').path },
    });
    const port = await new Promise<number>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(await ask(port, '/guest/hello')).toMatchObject({ status: 200 });
    expect(await ask(port, '/js')).toMatchObject({ status: 200, body: 'from the worker' });
    const hanging = ask(port, '/guest/sleep?ms=20000').catch(() => undefined);
    await sleep(50);
    await worker.terminate();
    await hanging;
    await until(() =>
      ask(port, '/js').then(
        () => false,
        () => true,
      ),
    );
  });
});
