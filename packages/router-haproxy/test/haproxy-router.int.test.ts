import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ModuleHttp, RevisionBoard, Route, RouteHint, RouteMatch, RouteTarget } from '@hotswap/core';
import { HaproxyRouter } from '@hotswap/router-haproxy';
import { RealHaproxy } from '../../../scripts/services/real-haproxy.ts';

const open: ModuleHttp = { hosts: [], pathPrefix: '/', access: 'public', affinity: null };

describe('HaproxyRouter before a real HAProxy', () => {
  let haproxy: RealHaproxy;
  let nodes: {
    server: Server;
    url: string;
    requests: number;
    answerAfterMs: number;
    /** Of its last request. */
    headers: IncomingHttpHeaders;
  }[];
  let routes: Map<string, Route>;
  let hint: (hint: RouteHint) => void;
  let served: Map<string, number>;
  let signsOfLife: number;
  let errors: unknown[];
  let router: HaproxyRouter;

  beforeAll(async () => {
    haproxy = await RealHaproxy.start({
      ...{ backends: 3, serversPerBackend: 4, affinityHeaders: ['X-User'] },
      ...{ matchHeaders: ['X-Tester', 'x-beta'], matchCookies: ['cohort'] },
    });
  }, 120_000);
  afterAll(() => haproxy[Symbol.asyncDispose]());

  beforeEach(async () => {
    nodes = await Promise.all([0, 0, 0, 0].map(startNode));
    routes = new Map();
    served = new Map();
    errors = [];
    signsOfLife = 0;
    router = makeRouter();
  });

  afterEach(async () => {
    routes = new Map(
      [...routes].map(([name, route]) => [name, { ...route, revision: 1_000, targets: [], matches: [] }]),
    );
    for (const moduleName of routes.keys()) hint({ tenant: 'default', moduleName });
    await until(() => [...routes.keys()].every((name) => served.get(name) === 1_000));
    await router.stop();
    for (const { server } of nodes) server.closeAllConnections();
    await Promise.all(nodes.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  });

  function makeRouter(): HaproxyRouter {
    const board: RevisionBoard = {
      acknowledge: async (_instance, revisions) => {
        signsOfLife++;
        for (const { moduleName, revision } of revisions) served.set(moduleName, revision);
      },
      leave: async () => undefined,
      servedRevision: async (_tenant, moduleName) => served.get(moduleName) ?? null,
    };
    return new HaproxyRouter({
      socket: haproxy.socket,
      mapFile: haproxy.mapFile,
      instanceId: 'one',
      board,
      onError: (error) => errors.push(error),
      source: {
        all: async () => [...routes.values()],
        find: async (_tenant, moduleName) => routes.get(moduleName) ?? null,
        subscribe: (handler) => {
          hint = handler;
          return () => undefined;
        },
      },
    });
  }

  async function startNode(port: number): Promise<(typeof nodes)[number]> {
    const node = { requests: 0, answerAfterMs: 0 } as (typeof nodes)[number];
    node.server = createServer((request, response) => {
      node.requests++;
      node.headers = request.headers;
      response.setHeader('x-asked', String(request.headers['x-hotswap-version']));
      setTimeout(() => response.end(`${node.url}${request.url ?? ''}`), node.answerAfterMs);
    }).listen(port, '127.0.0.1');
    await once(node.server, 'listening');
    node.url = `http://127.0.0.1:${(node.server.address() as AddressInfo).port}`;
    return node;
  }

  const target = (node: number, weight: number, http: ModuleHttp = open, releaseId = `rel-${node}`): RouteTarget => ({
    nodeId: `node-${node}`,
    dataPlaneUrl: 'http://127.0.0.1:1',
    publicUrl: nodes[node]?.url ?? '',
    releaseId,
    moduleId: 'greeter-v1.0.0',
    version: '1.0.0',
    http,
    weight,
  });

  function offerRoute(
    moduleName: string,
    revision: number,
    targets: readonly RouteTarget[],
    matches: readonly RouteMatch[] = [],
  ): void {
    routes.set(moduleName, { tenant: 'default', moduleName, revision, targets, matches });
    hint({ tenant: 'default', moduleName });
  }

  async function setRoute(...route: Parameters<typeof offerRoute>): Promise<void> {
    const [moduleName, revision] = route;
    offerRoute(...route);
    await until(() => served.get(moduleName) === revision);
  }

  const byUser: ModuleHttp = { ...open, affinity: { header: 'x-user' } };
  const users = Array.from({ length: 300 }, (_, i) => `user-${i}`);

  /** The version that each user's node was asked for, whatever the user asks for. */
  async function versions(): Promise<ReadonlyMap<string, string | null>> {
    const asked = new Map<string, string | null>();
    for (const user of users) {
      const headers = { 'x-user': user, 'x-hotswap-version': 'rel-mine' };
      const answer = await fetch(haproxy.url, { headers });
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
      asked.set(user, answer.headers.get('x-asked'));
    }
    return asked;
  }

  /** `fetch` would not send another host. */
  const get = (path: string, headers: Record<string, string> = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      httpRequest(`${haproxy.url}${path}`, { headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        answer.on('end', () => resolve(answer.statusCode === 200 ? text : String(answer.statusCode)));
        answer.on('error', reject);
      })
        .on('error', reject)
        .end();
    });

  it('spreads requests by weight, and to nobody without a route', async () => {
    await router.start();
    expect(await get('/')).toBe('404');
    await setRoute('greeter', 1, [target(0, 300, byUser), target(1, 100, byUser)]);
    for (const user of users) expect(await get('/hello', { 'x-user': user })).toMatch(/\/hello$/);
    expect(nodes[0]?.requests).toBeGreaterThan(165);
    expect(nodes[1]?.requests).toBeGreaterThan(30);
    expect((nodes[0]?.requests ?? 0) + (nodes[1]?.requests ?? 0)).toBe(users.length);
  });

  it('keeps clients on the version that grows, from splits between nodes to splits on nodes', async () => {
    await router.start();
    const of = (releaseId: string, on: readonly number[], weight: number): readonly RouteTarget[] =>
      on.map((node) => target(node, weight, byUser, releaseId));
    const stages = [
      { percent: 10, targets: [...of('rel-m', [1, 2, 3], 120), ...of('rel-n', [0], 40)] },
      { percent: 34, targets: [...of('rel-m', [2, 3], 132), ...of('rel-n', [0, 1], 68)] },
      { percent: 60, targets: [...of('rel-m', [0, 1, 2, 3], 40), ...of('rel-n', [0, 1, 2, 3], 60)] },
      { percent: 100, targets: of('rel-n', [0, 1, 2, 3], 100) },
    ];
    let onNext = new Set<string>();
    for (const [step, { percent, targets }] of stages.entries()) {
      await setRoute('shop', step + 1, targets);
      const asked = await versions();
      const now = new Set(users.filter((user) => asked.get(user) === 'rel-n'));
      expect(new Set(asked.values()).isSubsetOf(new Set(['rel-m', 'rel-n']))).toBe(true);
      expect(onNext.difference(now)).toEqual(new Set());
      expect(Math.abs((100 * now.size) / users.length - percent)).toBeLessThan(10);
      onNext = now;
    }
    expect(onNext.size).toBe(users.length);
  });

  it('brings requests with a header or a cookie to the version that a rollout names, the first that fits', async () => {
    await router.start();
    const atShop: ModuleHttp = { ...open, hosts: ['shop.example.org'] };
    // Of all users 1 in 10,001 has the new version by its share.
    const targets = [target(0, 10_000, atShop, 'rel-old'), target(1, 1, atShop, 'rel-new')];
    const odd = 'it; is\\ "é" | 100%';
    await setRoute('shop', 1, targets, [
      { releaseId: 'rel-gone', when: { header: 'x-beta' } },
      { releaseId: 'rel-new', when: { header: 'x-tester', value: odd } },
      { releaseId: 'rel-old', when: { header: 'x-tester' } },
      { releaseId: 'rel-new', when: { cookie: 'cohort', value: 'b' } },
      { releaseId: 'rel-old', when: { cookie: 'cohort', value: 'b' } },
      { releaseId: 'rel-new', when: { header: 'x-beta', value: '\u20ac' } },
      { releaseId: 'rel-new', when: { header: 'x-beta', value: 'on' } },
    ]);
    const isNew = async (headers: Record<string, string>): Promise<boolean> => {
      const text = await get('/x', { host: 'shop.example.org', ...headers });
      const version = nodes[text.startsWith(nodes[1]?.url ?? '') ? 1 : 0]?.headers['x-hotswap-version'];
      expect(text).toBe(`${nodes[version === 'rel-new' ? 1 : 0]?.url ?? ''}/x`);
      return version === 'rel-new';
    };
    expect(await isNew({})).toBe(false);
    expect(await isNew({ 'x-tester': odd })).toBe(true);
    expect(await isNew({ 'x-tester': odd.toUpperCase() })).toBe(false);
    expect(await isNew({ 'X-Tester': 'any', cookie: 'cohort=b' })).toBe(false);
    expect(await isNew({ 'x-tester': '', cookie: 'a=1; cohort=b' })).toBe(true);
    expect(await isNew({ cookie: 'cohort=B' })).toBe(false);
    expect(await isNew({ cookie: 'cohort=' })).toBe(false);
    expect(await isNew({ 'x-beta': 'on' })).toBe(true);
    expect(await isNew({ 'x-beta': 'off' })).toBe(false);
    for (const host of ['Match|default/shop|header_x-tester|*', 'match|default/shop|header_x-tester|*'])
      expect(await get('/', { host, 'x-tester': 'any' })).toMatch(/^40[04]$/);
    await setRoute('shop', 2, targets, [{ releaseId: 'rel-new', when: { cookie: 'cohort' } }]);
    expect(await isNew({ 'x-tester': odd, 'x-beta': 'on' })).toBe(false);
    expect(await isNew({ cookie: 'cohort=a' })).toBe(true);
    // A rollback: nobody is brought to what no longer takes traffic.
    await setRoute('shop', 3, targets.slice(0, 1), [{ releaseId: 'rel-new', when: { cookie: 'cohort' } }]);
    expect(await isNew({ cookie: 'cohort=a' })).toBe(false);
    expect(errors).toEqual([]);
  });

  it('lets other nodes stand in for a version of which no node is left, without a failed request', async () => {
    await router.start();
    const only = nodes[0] as (typeof nodes)[number];
    await setRoute('shop', 1, [target(0, 50, byUser, 'rel-n'), target(1, 50, byUser, 'rel-m')]);
    const before = await versions();
    expect(new Set(before.values()).size).toBe(2);
    const port = Number(new URL(only.url).port);
    only.server.closeAllConnections();
    await new Promise((resolve) => only.server.close(resolve));
    const requests = only.requests;
    expect(await versions()).toEqual(before);
    expect(only.requests).toBe(requests);
    const again = await startNode(port);
    nodes[0] = again;
    await until(async () => (await versions()) && again.requests > 0);
    expect(await versions()).toEqual(before);
  });

  it('finds modules by host, parent of the host and longest path of whole segments', async () => {
    await router.start();
    await setRoute('any', 1, [target(0, 1)]);
    await setRoute('shop', 1, [target(1, 1, { ...open, hosts: ['shop.example.org', '*.example.net'] })]);
    await setRoute('cart', 1, [target(2, 1, { ...open, hosts: ['shop.example.org'], pathPrefix: '/cart' })]);
    const byHost = (host: string, path: string): Promise<string> =>
      get(path, { host }).then((text) => String(nodes.findIndex(({ url }) => text.startsWith(url))));
    expect(await byHost('shop.example.org', '/')).toBe('1');
    expect(await byHost('SHOP.example.org:80', '/cart')).toBe('2');
    expect(await byHost('shop.example.org', '/cart/items?x=1')).toBe('2');
    expect(await byHost('shop.example.org', '/cartoon')).toBe('1');
    expect(await byHost('a.example.net', '/x')).toBe('1');
    expect(await byHost('example.net', '/x')).toBe('0');
  });

  it('tells nodes by itself where a request comes from, whatever the client says', async () => {
    await router.start();
    await setRoute('greeter', 1, [target(0, 1, byUser)]);
    const forged = {
      ...{ 'X-Forwarded-For': '6.6.6.6', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
      ...{ 'x-forwarded-prefix': '/evil', 'X-Forwarded-User': 'root', forwarded: 'for=6.6.6.6' },
      ...{ 'x-hotswap-sticky': 'chosen', 'X-Hotswap-Version': 'rel-mine', 'x-own': 'yes' },
    };
    await get('/', { ...forged, host: 'shop.example.org:81', 'x-user': 'ada' });
    const seen = Object.entries(nodes[0]?.headers ?? {}).filter(([name]) => !/^(?:connection|host)$/.test(name));
    expect(Object.fromEntries(seen)).toEqual({
      ...{ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': 'shop.example.org:81', 'x-forwarded-proto': 'http' },
      ...{ 'x-hotswap-version': 'rel-0', 'x-user': 'ada', 'x-own': 'yes' },
    });
  });

  it('lets a node that leaves end what it has begun, and drops nothing while routes change', async () => {
    await router.start();
    await setRoute('greeter', 1, [target(0, 1)]);
    const node = nodes[0] as (typeof nodes)[number];
    node.answerAfterMs = 400;
    const slow = get('/slow');
    await until(() => node.requests === 1);
    let revision = 1;
    let failed = 0;
    let isDone = false;
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!isDone) if (!(await get('/').catch(() => 'failed')).startsWith('http')) failed++;
      }),
    );
    for (let round = 0; round < 10; round++)
      await setRoute('greeter', ++revision, [target((round + 1) % 4, 50), target((round + 2) % 4, 50)]);
    isDone = true;
    await load;
    expect(await slow).toBe(`${node.url}/slow`);
    expect(failed).toBe(0);
  });

  it('brings an HAProxy that has forgotten everything back, and acknowledges nothing while it is away', async () => {
    await router.start();
    await setRoute('greeter', 1, [target(0, 1)]);
    await haproxy.kill();
    routes.set('greeter', {
      tenant: 'default',
      moduleName: 'greeter',
      revision: 2,
      targets: [target(1, 1)],
      matches: [],
    });
    hint({ tenant: 'default', moduleName: 'greeter' });
    const before = signsOfLife;
    await until(() => errors.length > 0 && signsOfLife > before);
    expect(errors[0]).toMatchObject({ code: 'HS_ROUTE_PROXY_UNREACHABLE' });
    expect(served.get('greeter')).toBe(1);
    await haproxy.run();
    await until(() => served.get('greeter') === 2);
    expect(await get('/')).toBe(`${nodes[1]?.url ?? ''}/`);
    await haproxy.kill();
    await haproxy.run();
    await until(async () => (await get('/')) === `${nodes[1]?.url ?? ''}/`);
  });

  it('starts without an HAProxy and takes it up when it is there', async () => {
    await haproxy.kill();
    routes.set('greeter', {
      tenant: 'default',
      moduleName: 'greeter',
      revision: 1,
      targets: [target(2, 1)],
      matches: [],
    });
    await router.start();
    expect(errors[0]).toMatchObject({ code: 'HS_ROUTE_PROXY_UNREACHABLE' });
    await haproxy.run();
    await until(() => served.get('greeter') === 1);
    expect(await get('/')).toBe(`${nodes[2]?.url ?? ''}/`);
  });

  it('says which option is too small', async () => {
    await router.start();
    for (const name of ['a', 'b', 'c'])
      await setRoute(name, 1, [target(0, 1, { ...open, hosts: [`${name}.example.org`] })]);
    routes.set('d', { tenant: 'default', moduleName: 'd', revision: 1, targets: [target(0, 1)], matches: [] });
    hint({ tenant: 'default', moduleName: 'd' });
    await until(() => errors.length > 0);
    expect(errors[0]).toMatchObject({
      code: 'HS_ROUTE_PROXY_FULL',
      message: expect.stringContaining('all 3 backends of its pool are taken') as string,
    });
    expect(served.has('d')).toBe(false);
    routes.delete('d');
  });

  it('takes paths with every sign that a path may have, to change and to take them away', async () => {
    await router.start();
    const path = "/a;b/it's!$&()*+,=:@~.-_";
    const odd = { ...open, pathPrefix: path };
    await setRoute('odd', 1, [target(0, 1, odd)]);
    expect(await get(`${path}/x`)).toBe(`${nodes[0]?.url ?? ''}${path}/x`);
    await setRoute('shop', 1, [target(1, 1, { ...open, pathPrefix: '/shop' })]);
    await setRoute('odd', 2, [target(2, 1, odd)]);
    expect(await get(path)).toBe(`${nodes[2]?.url ?? ''}${path}`);
    expect(await get('/a')).toBe('404');
    await setRoute('odd', 3, []);
    expect(await get(path)).toBe('404');
    expect(await get('/shop')).toBe(`${nodes[1]?.url ?? ''}/shop`);
    expect(errors).toEqual([]);
  });

  const byOther: ModuleHttp = { ...open, pathPrefix: '/odd', affinity: { header: 'x-other' } };
  const atOdd: ModuleHttp = { ...open, pathPrefix: '/odd' };
  it.each([
    ['its affinity has no pool', 'affinityHeaders lacks x-other', () => [target(1, 1, byOther)]],
    [
      'it is on too many nodes',
      'a version is on 5 nodes and serversPerBackend is 4',
      () =>
        [0, 1, 2, 3, 4].map((node) => ({ ...target(node % 4, 1, atOdd, 'rel-n'), publicUrl: `http://[::${node}]` })),
    ],
    [
      'there are too many versions',
      '9 versions of it take traffic at one time',
      () => Array.from({ length: 9 }, (_, at) => target(1, 1, atOdd, `rel-${at}`)),
    ],
    [
      'a rollout matches by what HAProxy has no rules for',
      'matchHeaders lacks x-other',
      () => [target(1, 1, atOdd, 'rel-1')],
      [{ releaseId: 'rel-1', when: { header: 'x-other', value: 'yes' } }],
    ],
    [
      'HAProxy refuses its node',
      'HAProxy refused `set server',
      () => [target(0, 1, atOdd), { ...target(1, 1, atOdd, 'rel-0'), publicUrl: 'http://a-name.invalid:80' }],
    ],
  ])(
    'leaves a module as it is, and holds up no other, when %s',
    async (_when, why, misfit, matches: RouteMatch[] = []) => {
      await router.start();
      await setRoute('odd', 1, [target(0, 1, atOdd)]);
      await setRoute('shop', 1, [target(2, 1)]);
      offerRoute('odd', 2, misfit(), matches);
      await until(() => errors.length > 0);
      await setRoute('shop', 2, [target(3, 1)]);
      await setRoute('cart', 1, [target(1, 1, { ...open, pathPrefix: '/cart' })]);
      await setRoute('cart', 2, []);
      expect(await get('/shop')).toBe(`${nodes[3]?.url ?? ''}/shop`);
      expect(await get('/odd')).toBe(`${nodes[0]?.url ?? ''}/odd`);
      expect(served.get('odd')).toBe(1);
      expect(errors.map((error) => (error as Error).message)).toEqual([expect.stringContaining(why)]);
      await setRoute('odd', 3, [target(2, 1, atOdd)]);
      expect(await get('/odd')).toBe(`${nodes[2]?.url ?? ''}/odd`);
    },
  );
});

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 20) {
    if (waited > 20_000) throw new Error(`never came: ${holds.toString()}`);
    await sleep(20);
  }
}
