import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Route, RouteHint, RouteTarget } from '@hotswap/core';
import { Gateway } from '@hotswap/gateway';
import { FakeNode } from './fake-node.ts';

const problem = (status: number, code: string) => ({
  status,
  body: { type: 't', title: code, status, detail: code, code, requestId: 'r' },
});

describe('Gateway', () => {
  let nodes: FakeNode[];
  let urls: string[];
  let routes: Map<string, Route>;
  let hint: (hint: RouteHint) => void;
  let reads: number;
  let acknowledged: { moduleName: string; revision: number }[];
  let signed: string[];
  let gateway: Gateway;

  const target = (i: number, releaseId = 'rel-1', weight = 100): RouteTarget => ({
    nodeId: `node-${i}`,
    dataPlaneUrl: urls[i] as string,
    publicUrl: null,
    releaseId,
    moduleId: 'greeter-v1.0.0',
    version: '1.0.0',
    http: null,
    weight,
  });
  const setRoute = (revision: number, targets: readonly RouteTarget[]): void =>
    void routes.set('greeter', { tenant: 'default', moduleName: 'greeter', revision, targets, matches: [] });
  const call = (extra: object = {}) =>
    gateway.invoke({
      tenant: 'default',
      moduleName: 'greeter',
      functionName: 'greet',
      body: '{"args":["x"]}',
      requestId: 'req-1',
      ...extra,
    });

  beforeEach(async () => {
    nodes = [new FakeNode(), new FakeNode()];
    urls = await Promise.all(nodes.map((node) => node.listen()));
    routes = new Map();
    reads = 0;
    acknowledged = [];
    signed = [];
    gateway = new Gateway({
      instanceId: 'gateway-1',
      searchMs: 300,
      source: {
        all: () => Promise.resolve([...routes.values()]),
        find: (_tenant, name) => {
          reads++;
          return Promise.resolve(routes.get(name) ?? null);
        },
        subscribe: (handler) => {
          hint = handler;
          return () => undefined;
        },
      },
      board: {
        acknowledge: (_id, served) => {
          acknowledged.push(...served);
          return Promise.resolve();
        },
        leave: () => Promise.resolve(),
        servedRevision: () => Promise.resolve(acknowledged.at(-1)?.revision ?? null),
      },
      signToken: (nodeId) => {
        signed.push(nodeId);
        return Promise.resolve(`token-${nodeId}-${signed.length}`);
      },
    });
  });

  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    await gateway.stop();
  });

  it('passes the body on as it is, pins the release and signs one token for many calls', async () => {
    setRoute(1, [target(0)]);
    await gateway.start();
    for (let i = 0; i < 5; i++) expect((await call()).status).toBe(200);
    expect(nodes[0]?.calls).toHaveLength(5);
    expect(nodes[0]?.calls[0]).toEqual({
      release: 'rel-1',
      authorization: 'Bearer token-node-0-1',
      body: '{"args":["x"]}',
    });
    expect(signed).toEqual(['node-0']);
  });

  it('acknowledges a revision only once calls are chosen by it', async () => {
    setRoute(1, [target(0)]);
    await gateway.start();
    expect(acknowledged).toEqual([expect.objectContaining({ moduleName: 'greeter', revision: 1 })]);
    setRoute(2, [target(1, 'rel-2')]);
    hint({ tenant: 'default', moduleName: 'greeter' });
    await expect.poll(() => gateway.servedRevision('default', 'greeter')).toBe(2);
    expect((await call()).nodeId).toBe('node-1');
  });

  it('asks another node when one cannot be reached, and leaves it alone for a while', async () => {
    setRoute(1, [target(0), target(1)]);
    await gateway.start();
    await nodes[0]?.close();
    for (let i = 0; i < 20; i++) expect((await call()).nodeId).toBe('node-1');
    expect(reads).toBeLessThan(3);
  });

  it('asks another node, with the route read anew, when the release is not there', async () => {
    setRoute(1, [target(0)]);
    await gateway.start();
    (nodes[0] as FakeNode).answer = () => problem(421, 'HS_AGENT_RELEASE_NOT_HERE');
    setRoute(2, [target(1, 'rel-2')]);
    expect((await call()).nodeId).toBe('node-1');
    expect(nodes[1]?.calls[0]?.release).toBe('rel-2');
  });

  it('asks another node when one is stopping', async () => {
    setRoute(1, [target(0), target(1)]);
    await gateway.start();
    (nodes[0] as FakeNode).answer = () => problem(503, 'HS_AGENT_STOPPING');
    for (let i = 0; i < 10; i++) expect((await call()).nodeId).toBe('node-1');
  });

  it('does not repeat a call that a node may have run', async () => {
    setRoute(1, [target(0), target(1)]);
    await gateway.start();
    for (const node of nodes) node.answer = () => 'cut';
    await expect(call()).rejects.toMatchObject({ code: 'HS_ROUTE_NODE_LOST' });
    expect((nodes[0]?.calls.length ?? 0) + (nodes[1]?.calls.length ?? 0)).toBe(1);
  });

  it('brings failures of the function back as they are', async () => {
    setRoute(1, [target(0), target(1)]);
    await gateway.start();
    for (const node of nodes) node.answer = () => problem(422, 'HS_RUNTIME_TRAP');
    expect(await call()).toMatchObject({ status: 422, contentType: 'application/problem+json' });
    for (const node of nodes) node.answer = () => problem(503, 'HS_RUNTIME_QUEUE_FULL');
    expect(await call()).toMatchObject({ status: 503 });
    expect((nodes[0]?.calls.length ?? 0) + (nodes[1]?.calls.length ?? 0)).toBe(2);
  });

  it('signs anew when a node refuses the token', async () => {
    setRoute(1, [target(0)]);
    await gateway.start();
    (nodes[0] as FakeNode).answer = ({ authorization }) =>
      authorization.endsWith('-1') ? problem(401, 'HS_AGENT_UNAUTHENTICATED') : { status: 200, body: {} };
    expect((await call()).status).toBe(200);
    expect(signed).toEqual(['node-0', 'node-0']);
  });

  it('gives up with 504 when a node does not answer in time', async () => {
    setRoute(1, [target(0)]);
    await gateway.start();
    (nodes[0] as FakeNode).answer = () => 'hang';
    await expect(call({ timeoutMs: 1 })).rejects.toMatchObject({ code: 'HS_ROUTE_TIMEOUT', httpStatus: 504 });
  });

  it('frees the call when the caller leaves', async () => {
    setRoute(1, [target(0)]);
    await gateway.start();
    let cancel: () => void = () => undefined;
    (nodes[0] as FakeNode).answer = () => 'hang';
    const running = call({ onCancel: (given: () => void) => (cancel = given) });
    await expect.poll(() => nodes[0]?.calls.length).toBe(1);
    cancel();
    await expect(running).rejects.toMatchObject({ code: 'HS_ROUTE_NODE_LOST' });
  });

  it('tells an unknown module, a version without traffic and an empty route apart', async () => {
    await gateway.start();
    await expect(call()).rejects.toMatchObject({ code: 'HS_ROUTE_NOT_FOUND' });
    await expect(call()).rejects.toMatchObject({ code: 'HS_ROUTE_NOT_FOUND' });
    expect(reads).toBe(1);
    setRoute(1, [target(0)]);
    hint({ tenant: 'default', moduleName: 'greeter' });
    await expect.poll(async () => (await call()).status).toBe(200);
    await expect(call({ version: '9.9.9' })).rejects.toMatchObject({ code: 'HS_ROUTE_VERSION_NOT_SERVED' });
    setRoute(2, []);
    hint('all');
    await expect
      .poll(() => call().catch((error: unknown) => (error as { code: string }).code))
      .toBe('HS_ROUTE_NO_NODE');
  });

  it('answers 503 when no node is reachable for as long as it searches', async () => {
    setRoute(1, [target(0)]);
    await gateway.start();
    await nodes[0]?.close();
    await expect(call()).rejects.toMatchObject({ code: 'HS_ROUTE_NO_NODE', httpStatus: 503, retryable: true });
  });
});
