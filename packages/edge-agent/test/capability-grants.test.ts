import { noCapabilities, type Capabilities } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { grantedPolicy, noGrants, type CapabilityGrants } from '../src/capability-grants.ts';
import { desiredRelease } from './node-fixture.ts';

const asking = (capabilities: Partial<Capabilities>) =>
  desiredRelease({
    releaseId: 'r',
    digest: '',
    sizeBytes: 0,
    weight: 0,
    capabilities: { ...noCapabilities, ...capabilities },
  });
const grants: CapabilityGrants = {
  env: ['APP_*', 'TZ'],
  dirs: { assets: { path: '/srv/assets', readOnly: true } },
  allowedHosts: ['*.example.com', 'api.test'],
};

describe('grantedPolicy', () => {
  it('gives a release that asks for nothing its own configuration as environment and nothing else', () => {
    const release = desiredRelease({
      releaseId: 'r',
      digest: '',
      sizeBytes: 0,
      weight: 0,
      config: { GREETING: 'hi', count: 3 },
    });
    expect(grantedPolicy(release, noGrants)).toEqual({ env: { GREETING: 'hi' }, dirs: [] });
  });

  it('gives what is granted', () => {
    const release = asking({
      env: { APP_MODE: 'x', TZ: 'UTC' },
      dirs: [{ name: 'assets', guestPath: '/a', readOnly: true }],
      allowedHosts: ['api.test', 'a.example.com'],
    });
    expect(grantedPolicy(release, grants)).toEqual({
      env: { APP_MODE: 'x', TZ: 'UTC' },
      dirs: [{ hostPath: '/srv/assets', guestPath: '/a', readOnly: true }],
    });
  });

  it.each<[string, Partial<Capabilities>]>([
    ['an environment variable', { env: { HOME: '/' } }],
    ['a folder', { dirs: [{ name: 'secrets', guestPath: '/s', readOnly: true }] }],
    ['a folder by the name of a method', { dirs: [{ name: 'constructor', guestPath: '/s', readOnly: true }] }],
    ['writing where reading is granted', { dirs: [{ name: 'assets', guestPath: '/a', readOnly: false }] }],
    ['a host', { allowedHosts: ['example.com'] }],
  ])('denies %s that is not granted', (_what, capabilities) => {
    expect(() => grantedPolicy(asking(capabilities), grants)).toThrow(
      expect.objectContaining({ code: 'HS_AGENT_CAPABILITY_DENIED' }),
    );
    expect(() => grantedPolicy(asking(capabilities), noGrants)).toThrow(
      expect.objectContaining({ code: 'HS_AGENT_CAPABILITY_DENIED' }),
    );
  });
});
