import { describe, expect, it } from 'vitest';
import { nodeRegistrationSchema } from '@hotswap/protocol';

const registration = {
  ...{ nodeId: 'edge-1', hostname: 'h', region: 'eu', runtime: 'Wasmtime', runtimeVersion: '1', capabilities: {} },
  ...{ maxModules: 10, hardware: { cpuCores: 0.5, totalMemoryMB: 512, architecture: 'x64' } },
  dataPlaneUrl: 'http://10.0.0.7:40123',
};
const problemOf = (changes: object): string | undefined =>
  nodeRegistrationSchema.safeParse({ ...registration, ...changes }).error?.issues[0]?.path.join('/');

describe('a registration', () => {
  it.each(['http://10.0.0.7:40123', 'http://edge-1/', 'https://edge-1.example.org', 'http://[::1]:1'])(
    'takes calls at %s',
    (dataPlaneUrl) => expect(problemOf({ dataPlaneUrl })).toBeUndefined(),
  );

  it.each([
    'http://edge-1/base',
    'http://edge-1/?a=1',
    'http://edge-1/#x',
    'http://user:secret@edge-1',
    'ftp://edge-1',
    'edge-1:40123',
  ])('names no address to which a gateway could not send calls: %s', (dataPlaneUrl) =>
    expect(problemOf({ dataPlaneUrl })).toBe('dataPlaneUrl'),
  );

  it.each([
    [{ cpuCores: 2, totalMemoryMB: 5e-324, architecture: 'x64' }, 'hardware/totalMemoryMB'],
    [{ cpuCores: Number.MAX_VALUE, totalMemoryMB: 1, architecture: 'x64' }, 'hardware/cpuCores'],
  ])('has hardware that shares can be calculated of', (hardware, at) => expect(problemOf({ hardware })).toBe(at));
});
