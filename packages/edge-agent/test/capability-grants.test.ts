import { noCapabilities, type Capabilities } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { grantedNetwork, grantedPolicy, noGrants, type CapabilityGrants } from '../src/modules/capability-grants.ts';
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
  allowedHosts: ['*.example.com', 'api.test', 'https://secure.test', 'port.test:8443'],
  privateAddresses: false,
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
  ])('denies %s that is not granted', (_what, capabilities) => {
    expect(() => grantedPolicy(asking(capabilities), grants)).toThrow(
      expect.objectContaining({ code: 'HS_AGENT_CAPABILITY_DENIED' }),
    );
    expect(() => grantedPolicy(asking(capabilities), noGrants)).toThrow(
      expect.objectContaining({ code: 'HS_AGENT_CAPABILITY_DENIED' }),
    );
  });
});

describe('grantedNetwork', () => {
  it('gives no network to a release that asks for none', () => {
    expect(grantedNetwork(asking({}), grants)).toBeUndefined();
  });

  it.each([
    'api.test',
    'api.test:8080',
    'api.test:*',
    'https://api.test',
    'API.test',
    'a.example.com',
    '*.a.example.com',
    '*.example.com',
    'https://secure.test',
    'port.test:8443',
    'https://port.test:8443',
  ])('gives %s that is granted', (host) => {
    expect(grantedNetwork(asking({ allowedHosts: [host] }), grants)).toEqual({
      allowedHosts: [host],
      allowPrivateAddresses: false,
    });
  });

  it.each([
    'example.com',
    '*.com',
    '*',
    'api.test.evil.net',
    'secure.test',
    'http://secure.test',
    'port.test',
    'port.test:443',
    'port.test:*',
    'xexample.com',
  ])('denies %s that is not granted', (host) => {
    const denied = expect.objectContaining({ code: 'HS_AGENT_CAPABILITY_DENIED' }) as unknown;
    expect(() => grantedNetwork(asking({ allowedHosts: ['api.test', host] }), grants)).toThrow(denied);
    expect(() => grantedNetwork(asking({ allowedHosts: [host] }), noGrants)).toThrow(denied);
  });

  it('reaches everything, private addresses too, only where the node says so', () => {
    const open: CapabilityGrants = { ...noGrants, allowedHosts: ['*'], privateAddresses: true };
    expect(grantedNetwork(asking({ allowedHosts: ['db.internal:5432'] }), open)).toEqual({
      allowedHosts: ['db.internal:5432'],
      allowPrivateAddresses: true,
    });
  });
});
