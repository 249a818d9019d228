import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { guardModule, readModuleSettings } from '@hotswap/resilience';
import { FakeModule, traps } from './fake-module.ts';

const read = (path: string): string => readFileSync(new URL(`../../../docs/${path}`, import.meta.url), 'utf8');
const guide = read('guides/troubleshooting.md').split('\n');
/** What the guide says where these words stand. */
const row = (words: string): string =>
  guide.find((line) => line.startsWith(`| ${words} |`)) ?? expect.unreachable(words);

describe('what the guide says of a program with a module in it', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    ['WASM component not found', ['HS_REGISTRY_MODULE_NOT_FOUND']],
    [
      'Component instantiation failed',
      ['HS_RUNTIME_INVALID_MODULE', 'HS_RUNTIME_LINK_FAILED', 'HS_RUNTIME_START_FAILED'],
    ],
    ['Memory limit exceeded', ['HS_RUNTIME_MEMORY_LIMIT']],
    ['Circuit breaker open', ['HS_RESILIENCE_OPEN']],
  ])('names causes of "%s" that there are', (words, codes) => {
    const documented = read('reference/errors.md');
    expect([...row(words).matchAll(/`(HS_\w+)`/g)].map(([, code]) => code)).toEqual(codes);
    for (const code of codes) expect(documented).toContain(`\`${code}\``);
  });

  it('means 128 MB by 2,048 pages, in the file as in the environment', () => {
    expect(row('Memory limit exceeded')).toContain('`max_memory_pages: 2048` is 128 MB');
    expect(readModuleSettings({ max_memory_pages: 2_048 }).maxMemoryMB).toBe(128);
    expect(readModuleSettings({}, { RIPTIDE_WASM_MAX_MEMORY_PAGES: '2048' }).maxMemoryMB).toBe(128);
  });

  it('is right that an open breaker closes by itself after as many good calls as `success_threshold` says', async () => {
    expect(row('Circuit breaker open')).toMatch(/nothing: .*`success_threshold` good calls/);
    const settings = { failure_threshold: 2, recovery_timeout: 5, success_threshold: 2 };
    const { breaker } = readModuleSettings({ circuit_breaker: settings });
    const module = new FakeModule();
    module.script.splice(0, 1, traps, traps, () => 'well');
    const guard = guardModule(module, { breaker });
    for (let n = 0; n < 2; n++) await expect(guard.invoke('f', [])).rejects.toMatchObject({ code: 'HS_RUNTIME_TRAP' });
    expect(guard.state).toBe('Open');
    await vi.advanceTimersByTimeAsync(5_000);
    await guard.invoke('f', []);
    expect(guard.state).toBe('HalfOpen');
    await guard.invoke('f', []);
    expect(guard.state).toBe('Closed');
  });
});
