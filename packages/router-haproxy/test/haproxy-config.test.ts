import { describe, expect, it } from 'vitest';
import { haproxyConfig, type HaproxyPools } from '@hotswap/router-haproxy';

const fixed = { bind: ':80', socket: '/run/haproxy.sock', mapFile: '/etc/haproxy.map' };
const options = ['affinityHeaders', 'affinityCookies', 'matchHeaders', 'matchCookies'] as const;

describe('haproxyConfig', () => {
  it.each(options)('refuses names of %s that would end a word of the configuration', (option) => {
    for (const name of ['x y', 'x#', "x'", 'x)', 'x|y', '', 'x\n  bind :1']) {
      const pools: HaproxyPools = { [option]: ['x-fine', name] };
      expect(() => haproxyConfig({ ...fixed, ...pools })).toThrow(
        expect.objectContaining({ code: 'HS_ROUTE_PROXY_NAME', details: { option, name } }),
      );
    }
  });

  it('has rules for matches only where they are asked for', () => {
    const without = haproxyConfig(fixed);
    expect(without).not.toContain('hotswap_match');
    const config = haproxyConfig({ ...fixed, matchHeaders: ['X-Tester'], matchCookies: ['Cohort'] });
    expect(config).toContain('backend hotswap_match_header_x-tester\n');
    expect(config).toContain('req.cook(Cohort)');
    // What is not about matches is the same.
    const lines = new Set(config.split('\n'));
    expect(without.split('\n').filter((line) => !lines.has(line))).toEqual([]);
  });
});
