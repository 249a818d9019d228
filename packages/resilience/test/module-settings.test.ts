import { describe, expect, it } from 'vitest';
import { guardModule, readModuleSettings } from '@hotswap/resilience';

/** The block of the extraction guide. */
const guide = {
  wasm_module_path: '/opt/riptide/wasm/riptide_extractor_wasm.wasm',
  enable_wasm: true,
  enable_aot_cache: true,
  max_memory_pages: 1024,
  extraction_timeout: 30,
  instance_pool_size: 8,
  max_idle_time: 300,
  circuit_breaker: { failure_threshold: 5, recovery_timeout: 5, success_threshold: 1, enable_fallback: true },
  enable_simd: true,
};

describe('settings of an embedded module', () => {
  it('are those of the guide, which are the defaults, too', () => {
    const settings = {
      modulePath: '/opt/riptide/wasm/riptide_extractor_wasm.wasm',
      enabled: true,
      enableFallback: true,
      aotCache: true,
      simd: true,
      maxMemoryMB: 64,
      maxExecutionTime: 'PT30S',
      reuse: { maxInstances: 8, maxIdleTime: 'PT5M' },
      breaker: { failureThreshold: 5, recoveryTimeout: 'PT5S', successThreshold: 1 },
    };
    expect(readModuleSettings(guide)).toEqual(settings);
    const { modulePath: _named, ...defaults } = settings;
    expect(readModuleSettings({})).toEqual(defaults);
  });

  it('are overridden by the environment', () => {
    const env = {
      RIPTIDE_WASM_PATH: '/other.wasm',
      RIPTIDE_ENABLE_WASM: 'false',
      RIPTIDE_WASM_MAX_MEMORY_PAGES: '2048',
      RIPTIDE_WASM_TIMEOUT: '7',
    };
    expect(readModuleSettings(guide, env)).toMatchObject({
      modulePath: '/other.wasm',
      enabled: false,
      maxMemoryMB: 128,
      maxExecutionTime: 'PT7S',
    });
    expect(readModuleSettings(guide, env, 'OTHER')).toMatchObject({ enabled: true, maxMemoryMB: 64 });
  });

  it.each([
    [{ enable_wasn: true }, {}, /enable_wasn.*not known/],
    [{ circuit_breaker: { threshold: 1 } }, {}, /circuit_breaker.threshold/],
    [{ circuit_breaker: 5 }, {}, /circuit_breaker.*block/],
    [{ max_memory_pages: 0 }, {}, /max_memory_pages/],
    [{ instance_pool_size: 1.5 }, {}, /instance_pool_size/],
    [{}, { RIPTIDE_WASM_TIMEOUT: 'soon' }, /RIPTIDE_WASM_TIMEOUT.*seconds/],
    [{}, { RIPTIDE_ENABLE_WASM: 'no' }, /RIPTIDE_ENABLE_WASM.*true or false/],
    [{ wasm_module_path: 5 }, {}, /wasm_module_path/],
  ])('refuse %j with %j by name', (block, env, message) => {
    expect(() => readModuleSettings(block, env)).toThrow(
      expect.objectContaining({
        code: 'HS_RESILIENCE_INVALID_OPTION',
        message: expect.stringMatching(message) as unknown,
      }),
    );
  });

  it('make a guard that leaves a module alone which is switched off', async () => {
    const { enabled, breaker } = readModuleSettings(guide, { RIPTIDE_ENABLE_WASM: 'false' });
    const guard = guardModule(() => expect.unreachable(), { enabled, breaker, fallback: { invoke: () => 'native' } });
    expect(await guard.invoke('extract', [])).toMatchObject({ value: 'native', origin: 'fallback' });
  });
});
