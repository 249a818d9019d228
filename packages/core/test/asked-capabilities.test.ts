import { describe, expect, it } from 'vitest';
import { type AskedCapabilities, type LoadOptions, checkCapabilities } from '../src/index.ts';

const none: AskedCapabilities = {
  fuel: false,
  hostFunctions: false,
  moduleState: false,
  outgoingHttp: false,
  sockets: false,
};
const all: AskedCapabilities = {
  fuel: true,
  hostFunctions: true,
  moduleState: true,
  outgoingHttp: true,
  sockets: true,
};

const network = { allowedHosts: [] };
const sockets = { tcp: [], udp: [], nameLookup: false };

describe('what load options ask of a runtime', () => {
  it.each<[keyof AskedCapabilities, LoadOptions]>([
    ['fuel', { runtime: { fuel: 1 } }],
    ['hostFunctions', { imports: { env: { log: () => undefined } } }],
    ['moduleState', { runtime: { stateful: true } }],
    ['outgoingHttp', { network: { allowedHosts: ['api.example.org'] } }],
    ['sockets', { network: { ...network, sockets: { ...sockets, tcp: ['192.0.2.10:5432'] } } }],
    ['sockets', { network: { ...network, sockets: { ...sockets, udp: ['192.0.2.10:53'] } } }],
    ['sockets', { network: { ...network, sockets: { ...sockets, nameLookup: true } } }],
  ])('is refused without %s, and only without it: %j', (capability, options) => {
    expect(() => {
      checkCapabilities(options, { ...all, [capability]: false });
    }).toThrow(
      expect.objectContaining({
        code: 'HS_RUNTIME_UNSUPPORTED',
        details: expect.objectContaining({ capability }) as object,
      }),
    );
    checkCapabilities(options, { ...none, [capability]: true });
  });

  it.each<LoadOptions>([
    {},
    { runtime: { fuel: null, stateful: false }, imports: {} },
    { network },
    { network: { ...network, allowPrivateAddresses: true, extraRootsPem: [], maxConcurrentRequests: 1 } },
    { network: { ...network, sockets } },
    { network: { sockets: {} } as never },
  ])('is nothing of %j', (options) => {
    checkCapabilities(options, none);
  });
});
