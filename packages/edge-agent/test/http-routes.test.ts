import type { ModuleHttp } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { HttpPublisher } from '../src/fronts/http-publisher.ts';
import { publicRoutes, serverRoutes, type HttpModule } from '../src/fronts/http-routes.ts';

const http: ModuleHttp = { hosts: ['shop.test'], pathPrefix: '/shop', access: 'public', affinity: { cookie: 'sid' } };
const module = (more: Partial<HttpModule> = {}): HttpModule => ({
  moduleName: 'shop',
  http,
  maxInputSize: 1_048_576,
  takesTraffic: true,
  ...more,
});

describe('serverRoutes', () => {
  it('let holders of a token reach each module under its name, without the prefix', () => {
    const [invoke, shop] = serverRoutes([module()]);
    expect(invoke).toMatchObject({ slot: null, pathPrefix: '/invoke' });
    expect(shop).toEqual({
      slot: 'shop',
      hosts: [],
      pathPrefix: '/http/shop',
      stripPrefix: true,
      access: 'authorized',
      affinity: { cookie: 'sid' },
      limits: { maxBodyBytes: 10_485_760 },
    });
  });

  it('keep modules without traffic, which requests may be pinned to', () => {
    expect(serverRoutes([module({ takesTraffic: false })])).toHaveLength(2);
    expect(publicRoutes([module({ takesTraffic: false })])).toEqual([]);
  });

  it('take as large a body as the module takes input', () => {
    expect(serverRoutes([module({ maxInputSize: 20_000_000 })])[1]?.limits).toEqual({ maxBodyBytes: 20_000_000 });
  });
});

describe('publicRoutes', () => {
  it('follow the module, and hold back those that want keys', () => {
    expect(publicRoutes([module(), module({ moduleName: 'safe', http: { ...http, access: 'keys' } })])).toMatchObject([
      { slot: 'shop', hosts: ['shop.test'], pathPrefix: '/shop', stripPrefix: true, access: 'public' },
      { slot: 'safe', access: 'authorized' },
    ]);
  });
});

describe('HttpPublisher', () => {
  it('publishes what has changed, once for many changes, and nothing for none', async () => {
    let modules = [module()];
    const published: number[] = [];
    const publisher = new HttpPublisher(
      () => modules,
      (now) => published.push(now.length),
    );
    publisher.touch();
    publisher.touch();
    publisher.flush();
    publisher.touch();
    await new Promise((resolve) => setImmediate(resolve));
    expect(published).toEqual([1]);
    modules = [...modules, module({ moduleName: 'other' })];
    publisher.touch();
    publisher.touch();
    await new Promise((resolve) => setImmediate(resolve));
    expect(published).toEqual([1, 2]);
  });
});
