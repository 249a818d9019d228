import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MirrorReport, Route, RouteMirror, RouteTarget } from '@hotswap/core';
import { Gateway } from '@hotswap/gateway';
import { FakeNode } from './fake-node.ts';

const http = { hosts: [], pathPrefix: '/', access: 'keys', affinity: null } as const;
const problem = (status: number, code: string) => ({
  status,
  body: { type: 't', title: code, status, detail: code, code },
});

describe('requests that are mirrored', () => {
  let node: FakeNode;
  let shadow: FakeNode;
  let urls: { readonly live: string; readonly shadow: string };
  let route: Route;
  let reports: Map<string, MirrorReport>;
  let gateway: Gateway;

  const target = (releaseId: string, dataPlaneUrl: string, weight: number): RouteTarget => ({
    ...{ nodeId: `node-of-${releaseId}`, dataPlaneUrl, publicUrl: null, releaseId, weight, http },
    moduleId: 'greeter-v1.0.0',
    version: '1.0.0',
  });
  const mirrorOf = (extra: Partial<RouteMirror> = {}): RouteMirror => ({
    ...{ tenant: 'default', deploymentId: 'd', step: 1, percent: 100, compare: {} },
    targets: [target('rel-2-shadow', urls.shadow, 0)],
    ...extra,
  });
  const call = (extra: object = {}) =>
    gateway.invoke({
      ...{ tenant: 'default', moduleName: 'greeter', functionName: 'greet', requestId: 'req-1' },
      body: '{"args":["x"]}',
      ...extra,
    });
  const tally = () => {
    const sum = { equal: 0, different: 0, failed: 0, skipped: 0 };
    for (const report of reports.values())
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += report[name];
    return sum;
  };
  const settled = async (count: number) => {
    await vi.waitFor(() => expect(Object.values(tally()).reduce((sum, one) => sum + one, 0)).toBe(count), {
      timeout: 15_000,
      interval: 20,
    });
    return tally();
  };
  const examples = () => [...reports.values()].flatMap((report) => report.examples);

  async function begin(extra: Partial<RouteMirror> = {}): Promise<void> {
    const mirrors = [mirrorOf(extra)];
    const targets = [target('rel-1', urls.live, 100)];
    route = { tenant: 'default', moduleName: 'greeter', revision: 1, targets, matches: [], mirrors };
    gateway = new Gateway({
      instanceId: 'gateway-1',
      searchMs: 300,
      callTimeoutMs: 5_000,
      source: { all: async () => [route], find: async () => route, subscribe: () => () => undefined },
      board: { acknowledge: async () => undefined, leave: async () => undefined, servedRevision: async () => 1 },
      mirrors: {
        reportMirrors: async (instanceId, some) => {
          for (const report of some) reports.set(`${instanceId}/${report.step}`, report);
        },
      },
      signToken: async (nodeId) => `token-of-${nodeId}`,
    });
    await gateway.start();
  }

  beforeEach(async () => {
    [node, shadow] = [new FakeNode(), new FakeNode()];
    urls = { live: await node.listen(), shadow: await shadow.listen() };
    reports = new Map();
  });
  afterEach(async () => {
    await gateway.stop();
    await Promise.all([node.close(), shadow.close()]);
  });

  it('go to the shadow, pinned, with its own token, and only the live answer comes back', async () => {
    await begin();
    node.answer = () => ({ status: 200, body: { result: { a: 1, b: [2] }, releaseId: 'rel-1', durationMs: 1 } });
    shadow.answer = () => ({
      status: 200,
      body: { durationMs: 9, releaseId: 'rel-2-shadow', result: { b: [2], a: 1 } },
    });
    const reply = await call();
    expect(JSON.parse(reply.body.toString())).toMatchObject({ releaseId: 'rel-1' });
    expect(await settled(1)).toEqual({ equal: 1, different: 0, failed: 0, skipped: 0 });
    expect(gateway.mirrorStats()).toEqual({ equal: 1, different: 0, failed: 0, skipped: 0 });
    expect(shadow.calls).toEqual([
      { release: 'rel-2-shadow', authorization: 'Bearer token-of-node-of-rel-2-shadow', body: '{"args":["x"]}' },
    ]);
  });

  it('are a share of all within what chance explains', async () => {
    await begin({ percent: 20 });
    for (let batch = 0; batch < 50; batch++) await Promise.all(Array.from({ length: 40 }, () => call()));
    // 2,000 draws at 20 %: five standard deviations are 90.
    const all = () => Object.values(tally()).reduce((sum, count) => sum + count, 0);
    await vi.waitFor(() => expect(all()).toBeGreaterThan(310), { timeout: 15_000 });
    await gateway.stop();
    expect(all()).toBeLessThan(490);
    expect(tally()).toMatchObject({ different: 0, failed: 0 });
    expect(node.calls).toHaveLength(2_000);
  });

  it.each([
    ['a value', { result: { total: 5, secret: 'x' } }, { result: { total: '5', secret: 'y' } }, '/result/total'],
    ['a missing member', { result: { a: 1 } }, { result: {} }, '/result/a'],
    ['the length of a list', { result: [1, 2] }, { result: [1] }, '/result/1'],
    ['output', { result: null, stdout: 'YQ==' }, { result: null, stdout: 'Yg==' }, '/stdout'],
  ])('differ by %s, and the report says where and never what', async (_, live, mirrored, at) => {
    await begin();
    node.answer = () => ({ status: 200, body: live });
    shadow.answer = () => ({ status: 200, body: mirrored });
    await call();
    expect(await settled(1)).toMatchObject({ different: 1 });
    expect(examples()).toEqual([expect.objectContaining({ call: 'greet', at })]);
    expect(JSON.stringify(examples())).not.toMatch(/"[xy]"|YQ|Yg/);
  });

  it('leave out what the deployment says may differ', async () => {
    await begin({ compare: { ignore: ['/result/id', '/result/items/*/at'] } });
    let id = 0;
    const answer = () => ({ status: 200, body: { result: { id: ++id, items: [{ at: ++id, n: 1 }] } } });
    node.answer = answer;
    shadow.answer = answer;
    await call();
    expect(await settled(1)).toMatchObject({ equal: 1 });
  });

  it.each([
    ['traps', problem(422, 'HS_RUNTIME_TRAP'), 'failed'],
    ['runs out of time', problem(504, 'HS_RUNTIME_TIMEOUT'), 'failed'],
    ['takes its node with it', 'cut' as const, 'failed'],
    ['is not there', problem(421, 'HS_AGENT_RELEASE_NOT_HERE'), 'skipped'],
    ['has no room', problem(503, 'HS_RUNTIME_QUEUE_FULL'), 'skipped'],
    ['answers with another status', { status: 404, body: {} }, 'different'],
  ])('are counted when the shadow %s', async (_, answer, kind) => {
    await begin();
    shadow.answer = () => answer;
    const { status } = await call();
    expect(status).toBe(200);
    expect(await settled(1)).toMatchObject({ [kind]: 1 });
  });

  it('of a node that is gone are skipped, not held against the version', async () => {
    await begin();
    await shadow.close();
    await call();
    expect(await settled(1)).toMatchObject({ skipped: 1 });
  });

  it('that fail alike are equal, and those that the live version fails say nothing more', async () => {
    await begin();
    node.answer = () => problem(422, 'HS_RUNTIME_TRAP');
    shadow.answer = () => problem(422, 'HS_RUNTIME_TRAP');
    await call();
    expect(await settled(1)).toMatchObject({ equal: 1 });
  });

  it('are bounded while the shadow hangs: callers get their answers, and what does not fit is skipped', async () => {
    await begin();
    shadow.answer = () => 'hang';
    const statuses = await Promise.all(Array.from({ length: 600 }, async () => (await call()).status));
    expect(statuses.every((status) => status === 200)).toBe(true);
    expect(node.calls).toHaveLength(600);
    // At most those under way on the few connections of the mirror have reached it.
    expect(shadow.calls.length).toBeLessThanOrEqual(8);
    await vi.waitFor(() => expect(tally().skipped).toBeGreaterThanOrEqual(600 - 256 - 16), { timeout: 5_000 });
    expect(tally()).toMatchObject({ equal: 0, different: 0 });
  });

  it('are not made of large calls and large answers', async () => {
    await begin();
    await call({ body: JSON.stringify({ args: ['x'.repeat(70_000)] }) });
    node.answer = () => ({ status: 200, body: { result: 'x'.repeat(70_000) } });
    await call();
    expect(await settled(2)).toMatchObject({ skipped: 2 });
    expect(shadow.calls).toHaveLength(0);
  });

  it('are not made of calls that force a version, nor once the route has no mirror', async () => {
    await begin();
    await call({ version: 'rel-1' });
    const { mirrors: _mirrors, ...without } = route;
    route = { ...without, revision: 2 };
    shadow.answer = () => ({ status: 200, body: {} });
    node.answer = () => problem(421, 'HS_AGENT_RELEASE_NOT_HERE');
    // A refusal makes the gateway read the route anew.
    await call().catch(() => undefined);
    node.answer = () => ({ status: 200, body: { result: 'ok' } });
    await call();
    await gateway.stop();
    expect(shadow.calls).toHaveLength(0);
  });

  describe('by HTTP', () => {
    let front: Server;
    let address: string;

    beforeEach(async () => {
      front = createServer((request, response) => {
        void gateway.forward({
          ...{ tenant: 'default', moduleName: 'greeter', url: request.url ?? '/', prefix: '', request, response },
          ...{ requestId: 'r', remoteAddress: '127.0.0.1', scheme: 'http', onHead: () => undefined },
        });
      });
      await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
      address = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
    });
    afterEach(async () => {
      front.closeAllConnections();
      await new Promise((resolve) => front.close(resolve));
    });

    it('carry method, path and body, and are compared by structure', async () => {
      await begin();
      node.answer = () => ({ status: 201, body: { a: 1, b: 2 } });
      shadow.answer = () => ({ status: 201, body: { b: 2, a: 1 } });
      const answer = await fetch(`${address}/orders?x=1`, { method: 'POST', body: '{"n":1}' });
      expect(answer.status).toBe(201);
      expect(await answer.json()).toEqual({ a: 1, b: 2 });
      expect(await settled(1)).toMatchObject({ equal: 1 });
      expect(shadow.calls.map(({ body }) => body)).toEqual(['{"n":1}']);
    });

    it('are skipped when the body is large, and the answer goes through whole', async () => {
      await begin();
      node.answer = () => ({ status: 200, body: { text: 'x'.repeat(300_000) } });
      const answer = await fetch(address, { method: 'POST', body: 'y'.repeat(300_000) });
      expect(((await answer.json()) as { text: string }).text).toHaveLength(300_000);
      expect(await settled(1)).toMatchObject({ skipped: 1 });
      expect(shadow.calls).toHaveLength(0);
    });

    it('with another status are told by their method', async () => {
      await begin();
      shadow.answer = () => ({ status: 500, body: {} });
      await (await fetch(address)).text();
      expect(await settled(1)).toMatchObject({ different: 1 });
      expect(examples()).toEqual([{ call: 'GET', at: 'status', live: '200', mirrored: '500' }]);
    });
  });
});
