import { readFile } from 'node:fs/promises';
import { guardModule, type GuardedModule, type ModuleFallback, type ModuleSettings } from '@hotswap/resilience';
import { defaultInstanceReuse, type RuntimeHost } from '@hotswap/core';

/** A module as the settings have it. */
export function openAsSet(runtime: RuntimeHost, settings: ModuleSettings, fallback: ModuleFallback): GuardedModule {
  const { modulePath = '', enabled, enableFallback, breaker, maxMemoryMB, maxExecutionTime } = settings;
  const reuse = { ...defaultInstanceReuse, ...settings.reuse }; // memory is not wiped between calls: `null` for fresh instances
  const options = {
    limits: { maxMemoryMB, maxExecutionTime },
    runtime: { aotCache: settings.aotCache, simd: settings.simd, reuse },
  };
  return guardModule(async () => runtime.load({ bytes: await readFile(modulePath) }, options), {
    enabled,
    breaker,
    ...(enableFallback ? { fallback } : {}),
  });
}
