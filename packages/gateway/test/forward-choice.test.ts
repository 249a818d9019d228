import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouteTarget } from '@hotswap/core';
import { byAddress, ForwardFront } from './forward-front.ts';

describe('the node that Gateway.forward chooses', () => {
  let front: ForwardFront;
  beforeEach(async () => {
    front = await ForwardFront.start();
  });
  afterEach(async () => {
    await front[Symbol.asyncDispose]();
  });

  it('keeps a client on one version, which only moves to the one that grows', async () => {
    const versionsAt = async (weight: number): Promise<Map<string, string>> => {
      front.setRoute(weight + 2, [
        front.target(0, 'rel-1', { weight: 100 - weight }),
        front.target(1, 'rel-2', { weight }),
      ]);
      await front.restart();
      const found = new Map<string, string>();
      for (let client = 0; client < 40; client++) {
        front.remoteAddress = `203.0.113.${client}`;
        const count = [front.node(0).seen.length, front.node(1).seen.length];
        for (let i = 0; i < 2; i++) await (await fetch(`${front.url}/`)).text();
        const one = front.node(0).seen.length - (count[0] ?? 0);
        expect([0, 2]).toContain(one);
        found.set(front.remoteAddress, one === 2 ? 'rel-1' : 'rel-2');
      }
      await front.gateway.stop();
      return found;
    };
    let before = await versionsAt(10);
    for (const weight of [40, 90]) {
      const after = await versionsAt(weight);
      for (const [client, at] of before) if (at === 'rel-2') expect([client, after.get(client)]).toEqual([client, at]);
      before = after;
    }
    expect(new Set(before.values())).toContain('rel-2');
  });

  it('brings requests that a rollout describes to its release, whatever its share', async () => {
    front.routes.set('shop', {
      tenant: 'default',
      moduleName: 'shop',
      revision: 2,
      targets: [front.target(0, 'rel-1', { weight: 1_000_000 }), front.target(1, 'rel-2', { weight: 1 })],
      matches: [
        { releaseId: 'rel-gone', when: { header: 'x-old' } },
        { releaseId: 'rel-2', when: { cookie: 'beta', value: 'yes' } },
        { releaseId: 'rel-2', when: { header: 'x-tester' } },
      ],
    });
    await front.restart();
    const answeredBy = async (headers: Record<string, string>): Promise<number> => {
      const before = front.node(1).seen.length;
      await (await fetch(`${front.url}/`, { headers })).text();
      return front.node(1).seen.length - before;
    };
    expect(await answeredBy({ 'x-tester': 'ada' })).toBe(1);
    expect(await answeredBy({ cookie: 'a=b; beta=yes' })).toBe(1);
    expect(await answeredBy({ cookie: 'beta=no' })).toBe(0);
    expect(await answeredBy({ 'x-tester': '' })).toBe(0);
    expect(await answeredBy({ 'x-old': '1' })).toBe(0);
  });

  it.each([
    ['a header', { header: 'x-user' }, (user: string) => ({ 'x-user': user })],
    ['a cookie', { cookie: 'session' }, (user: string) => ({ cookie: `other=1; session=${user}` })],
  ])('knows clients by %s where the module says so', async (_name, affinity, headersOf) => {
    const http = { ...byAddress, affinity };
    front.setRoute(2, [front.target(0, 'rel-1', { http, weight: 50 }), front.target(1, 'rel-2', { http, weight: 50 })]);
    await front.restart();
    const releases = new Set<string>();
    for (let user = 0; user < 20; user++) {
      const seenBy = new Set<string>();
      for (let i = 0; i < 3; i++) {
        front.remoteAddress = `203.0.113.${user * 3 + i}`;
        const count = front.node(0).seen.length;
        await (await fetch(`${front.url}/`, { headers: headersOf(`user-${user}`) })).text();
        seenBy.add(front.node(0).seen.length > count ? 'rel-1' : 'rel-2');
      }
      expect(seenBy.size).toBe(1);
      releases.add([...seenBy][0] as string);
    }
    expect(releases.size).toBe(2);
  });

  it('goes to the version that it is told, and says so when it gets no traffic', async () => {
    front.setRoute(2, [front.target(0, 'rel-1', { weight: 99 }), front.target(1, 'rel-2', { weight: 1 })]);
    await front.restart();
    front.version = '2.0.0';
    for (let i = 0; i < 5; i++) await (await fetch(`${front.url}/`)).text();
    expect(front.node(1).seen).toHaveLength(5);
    front.version = '7.0.0';
    expect(await front.codeOf()).toBe('HS_ROUTE_VERSION_NOT_SERVED');
  });

  it('is public only where every release is, and serves by those alone that are reached by HTTP', async () => {
    const open = { ...byAddress, access: 'public' as const };
    const accessOf = async (targets: readonly RouteTarget[]): Promise<string | undefined> => {
      front.setRoute((front.routes.get('shop')?.revision ?? 0) + 1, targets);
      await front.restart();
      return (await front.gateway.http('default', 'shop'))?.access;
    };
    expect(await accessOf([front.target(0, 'rel-1', { http: open }), front.target(1, 'rel-2', { http: open })])).toBe(
      'public',
    );
    expect(await accessOf([front.target(0, 'rel-1', { http: open }), front.target(1, 'rel-2')])).toBe('keys');
    expect(await accessOf([front.target(0, 'rel-1', { http: null })])).toBeUndefined();
    expect(await front.gateway.http('default', 'unknown')).toBeNull();
    const reads = front.sourceReads;
    expect(front.gateway.knownHttp('default', 'another')).toBeNull();
    expect([front.sourceReads, reads > 0]).toEqual([reads, true]);
    expect(
      await accessOf([front.target(0, 'rel-1', { http: open }), front.target(1, 'rel-2', { http: null, weight: 900 })]),
    ).toBe('public');
    for (let i = 0; i < 10; i++) {
      front.remoteAddress = `198.51.100.${i}`;
      expect((await fetch(`${front.url}/`)).status).toBe(200);
    }
    expect([front.node(0).seen.length, front.node(1).seen.length]).toEqual([10, 0]);
  });
});
