import { describe, expect, it } from 'vitest';
import { type LoadOptions, loadLimits } from '../src/index.ts';

const read = (options: LoadOptions): unknown => loadLimits(options, { mostOutputBytes: 1_048_576 });

describe('options of load', () => {
  it.each([
    [{ limit: {} }, 'limit'],
    [{ limits: { maxMemory: 1 } }, 'limits.maxMemory'],
    [{ wasi: { environment: {} } }, 'wasi.environment'],
    [{ runtime: { fule: 1 } }, 'runtime.fule'],
    [{ runtime: { reuse: { poolSize: 1 } } }, 'runtime.reuse.poolSize'],
    [{ network: { allowedHost: [] } }, 'network.allowedHost'],
    [{ network: { sockets: { tpc: [] } } }, 'network.sockets.tpc'],
  ])('are refused where there is no such one: %j', (options, path) => {
    expect(() => read(options as LoadOptions)).toThrow(
      expect.objectContaining({
        code: 'HS_RUNTIME_INVALID_ARGUMENT',
        message: expect.stringContaining(path) as string,
      }),
    );
  });

  it('are taken as they are meant', () => {
    read({});
    read({ limits: { maxMemoryMB: 1 }, runtime: { reuse: null }, imports: { any: {} }, probe: false });
  });
});
