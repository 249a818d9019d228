import { describe, expect, it } from 'vitest';
import { allowedHostSchema, moduleHttpSchema, moduleRuntimeSchema } from '@hotswap/protocol';

describe('moduleHttpSchema', () => {
  it('fills in what is left out', () =>
    expect(moduleHttpSchema.parse({})).toEqual({ hosts: [], pathPrefix: '/', access: 'keys', affinity: null }));

  it('takes hosts, prefixes and affinities, header names without case', () =>
    expect(
      moduleHttpSchema.parse({
        hosts: ['shop.example.org', '*.example.org', 'localhost', '192.0.2.1'],
        pathPrefix: '/shop/v2.1',
        access: 'public',
        affinity: { header: 'X-User' },
      }),
    ).toEqual({
      hosts: ['shop.example.org', '*.example.org', 'localhost', '192.0.2.1'],
      pathPrefix: '/shop/v2.1',
      access: 'public',
      affinity: { header: 'x-user' },
    }));

  it.each([
    [{ hosts: ['Shop.example.org'] }, 'hosts.0'],
    [{ hosts: ['https://shop.example.org'] }, 'hosts.0'],
    [{ hosts: ['shop.example.org:443'] }, 'hosts.0'],
    [{ hosts: ['*'] }, 'hosts.0'],
    [{ hosts: ['*.org'] }, 'hosts.0'],
    [{ hosts: ['a.*.org'] }, 'hosts.0'],
    [{ hosts: ['-a.org'] }, 'hosts.0'],
    [{ hosts: ['shop.org', 'shop.org'] }, 'hosts'],
    [{ pathPrefix: 'shop' }, 'pathPrefix'],
    [{ pathPrefix: '/shop/' }, 'pathPrefix'],
    [{ pathPrefix: '//' }, 'pathPrefix'],
    [{ pathPrefix: '/a/../b' }, 'pathPrefix'],
    [{ pathPrefix: '/a%2fb' }, 'pathPrefix'],
    [{ pathPrefix: '/a?b' }, 'pathPrefix'],
    [{ affinity: { header: 'a b' } }, 'affinity.header'],
    [{ affinity: { header: 'Connection' } }, 'affinity.header'],
    [{ affinity: { cookie: 'a;b' } }, 'affinity.cookie'],
    [{ affinity: {} }, 'affinity'],
    [{ port: 80 }, ''],
  ])('refuses %j', (block, at) => {
    const read = moduleHttpSchema.safeParse(block);
    expect(read.error?.issues.map((issue) => issue.path.join('.'))[0]).toBe(at);
  });
});

describe('moduleRuntimeSchema', () => {
  it('fills in what is left out, a reuse too', () => {
    expect(moduleRuntimeSchema.parse({})).toEqual({
      reuse: null,
      fuel: null,
      simd: true,
      aotCache: true,
      stateful: false,
    });
    expect(moduleRuntimeSchema.parse({ reuse: { maxIdleTime: 90 }, fuel: 1_000 })).toMatchObject({
      reuse: { maxInstances: 8, maxCalls: 1_000, maxIdleTime: 'PT1M30S' },
      fuel: 1_000,
    });
  });

  it.each([
    [{ reuse: { maxInstances: 0 } }],
    [{ reuse: { maxIdleTime: 'PT0S' } }],
    [{ reuse: {}, stateful: true }],
    [{ fuel: 0 }],
    [{ fuel: 1.5 }],
    [{ enable_simd: true }],
  ])('refuses %j', (block) => expect(moduleRuntimeSchema.safeParse(block).success).toBe(false));
});

describe('allowedHostSchema', () => {
  it.each([
    'api.example.org',
    '*.example.org',
    'api.example.org:8443',
    'api.example.org:*',
    'https://api.example.org',
    'http://*.example.org:8080',
    'localhost:3000',
    '192.0.2.1',
    '[2001:db8::1]:443',
  ])('takes %s', (text) => expect(allowedHostSchema.safeParse(text).success).toBe(true));

  it.each([
    '',
    '*',
    '*com',
    '*foo.org',
    '*.com',
    'a.*.org',
    'API.example.org',
    'ftp://example.org',
    'example.org/path',
    'https://example.org/',
    'user@example.org',
    'example.org:0',
    'example.org:70000',
    'example.org?x',
    '2130706433',
    '0x7f000001',
    '127.1',
    '010.0.0.1',
    '256.1.1.1',
    '*.192.0.2.1',
    'exa mple.org',
    '-a.org',
    'a..org',
  ])('refuses %j', (text) => expect(allowedHostSchema.safeParse(text).success).toBe(false));
});
