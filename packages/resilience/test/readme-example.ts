import { guardModule, type GuardedModule } from '@hotswap/resilience';
import type { RuntimeHost } from '@hotswap/core';

/** Doubles numbers in a module; in JavaScript while the module cannot. */
export function openDoubler(runtime: RuntimeHost, bytes: Uint8Array, env: NodeJS.ProcessEnv): GuardedModule {
  return guardModule(() => runtime.load({ bytes }), {
    breaker: { failureThreshold: 5, recoveryTimeout: 'PT5S', successThreshold: 1 },
    fallback: { invoke: (_name, [value]) => Number(value) * 2 },
    enabled: env['HOTSWAP_ENABLE_WASM'] !== 'false', // the kill switch
    onStateChange: (state) => console.warn(`the doubler's breaker is ${state}`),
  });
}
