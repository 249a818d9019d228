import { describe, expect, it } from 'vitest';
import { type LoadOptions, loadLimits } from '../src/index.ts';

const read = (options: unknown): unknown => loadLimits(options as LoadOptions, { mostOutputBytes: 1_048_576 });

const refused = (path: string): unknown =>
  expect.objectContaining({
    code: 'HS_RUNTIME_INVALID_ARGUMENT',
    message: expect.stringContaining(path) as string,
    details: expect.objectContaining({ path }) as object,
  });

const dir = { hostPath: '/srv', guestPath: '/data', readOnly: true };
const network = { allowedHosts: [] };

describe('options of load', () => {
  it.each([
    [{ limit: {} }, 'limit'],
    [{ limits: { maxMemory: 1 } }, 'limits.maxMemory'],
    [{ wasi: { environment: {} } }, 'wasi.environment'],
    [{ wasi: { dirs: [dir, { ...dir, readonly: true }] } }, 'wasi.dirs[1].readonly'],
    [{ runtime: { fule: 1 } }, 'runtime.fule'],
    [{ runtime: { reuse: { poolSize: 1 } } }, 'runtime.reuse.poolSize'],
    [{ network: { allowedHost: [] } }, 'network.allowedHost'],
    [{ network: { sockets: { tpc: [] } } }, 'network.sockets.tpc'],
  ])('are refused where there is no such one: %j', (options, path) => {
    expect(() => read(options)).toThrow(refused(path));
  });

  it.each([
    [[], 'options'],
    [{ limits: 'none' }, 'limits'],
    [{ wasi: null }, 'wasi'],
    [{ wasi: { programName: 1 } }, 'wasi.programName'],
    [{ wasi: { args: 'one' } }, 'wasi.args'],
    [{ wasi: { args: ['one', undefined] } }, 'wasi.args[1]'],
    [{ wasi: { env: ['NAME=value'] } }, 'wasi.env'],
    [{ wasi: { env: new Map([['NAME', 'value']]) } }, 'wasi.env'],
    [{ wasi: { env: { '\ud800': 'value' } } }, 'wasi.env'],
    [{ wasi: { env: { NAME: undefined } } }, 'wasi.env.NAME'],
    [{ wasi: { dirs: dir } }, 'wasi.dirs'],
    [{ wasi: { dirs: ['/srv'] } }, 'wasi.dirs[0]'],
    [{ wasi: { dirs: [{ ...dir, hostPath: undefined }] } }, 'wasi.dirs[0].hostPath'],
    [{ wasi: { dirs: [{ ...dir, guestPath: '\ud800' }] } }, 'wasi.dirs[0].guestPath'],
    [{ wasi: { dirs: [{ hostPath: '/srv', guestPath: '/data' }] } }, 'wasi.dirs[0].readOnly'],
    [{ runtime: { reuse: false } }, 'runtime.reuse'],
    [{ runtime: { simd: 'false' } }, 'runtime.simd'],
    [{ runtime: { aotCache: null } }, 'runtime.aotCache'],
    [{ runtime: { stateful: 0 } }, 'runtime.stateful'],
    [{ network: { allowedHosts: 'a.b' } }, 'network.allowedHosts'],
    [{ network: { ...network, allowPrivateAddresses: 'false' } }, 'network.allowPrivateAddresses'],
    [{ network: { ...network, sockets: null } }, 'network.sockets'],
    [{ network: { ...network, sockets: { tcp: ['192.0.2.1:1', 2] } } }, 'network.sockets.tcp[1]'],
    [{ network: { ...network, sockets: { udp: '*' } } }, 'network.sockets.udp'],
    [{ network: { ...network, sockets: { nameLookup: 1 } } }, 'network.sockets.nameLookup'],
    [{ network: { ...network, extraRootsPem: 'PEM' } }, 'network.extraRootsPem'],
    [{ imports: { env: 1 } }, 'imports[env]'],
    [{ imports: { env: { log: 'log' } } }, 'imports[env].log'],
    [{ probe: 'false' }, 'probe'],
  ])('are refused where a value is not of its kind: %j', (options, path) => {
    expect(() => read(options)).toThrow(refused(path));
  });

  it('are taken as they are meant', () => {
    read({});
    read({ limits: { maxMemoryMB: 1 }, runtime: { reuse: null, fuel: null }, imports: { any: {} }, probe: false });
    read({ wasi: { args: [], env: { NAME: '' }, dirs: [dir] }, network: { ...network, sockets: {} } });
  });

  it('are absent where they are undefined', () => {
    read({ wasi: undefined, network: { allowedHosts: undefined, sockets: undefined }, probe: undefined });
    read({
      wasi: { args: undefined, env: undefined, dirs: undefined },
      runtime: { reuse: undefined, simd: undefined },
    });
  });
});
