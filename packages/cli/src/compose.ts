import { isHotSwapError, type RuntimeHost } from '@hotswap/core';
import type { SimulateRequest, SimulationResult } from '@hotswap/protocol';
import { cliError } from './error-codes.ts';

/**
 * The runtime that `hotswap run` runs modules on: Wasmtime, loaded only when a module is run, so that no other command
 * needs the native addon.
 * @throws HS_CLI_NO_RUNTIME when it is not installed; HS_RUNTIME_NATIVE_MISSING when it has no addon for this platform
 * @internal
 */
export async function openLocalRuntime(): Promise<RuntimeHost> {
  try {
    const { wasmtime } = await import('@hotswap/runtime-wasmtime');
    return await wasmtime();
  } catch (error) {
    if (isHotSwapError(error)) throw error;
    throw cliError('HS_CLI_NO_RUNTIME', { why: (error as NodeJS.ErrnoException).code ?? 'unknown' }, error);
  }
}

/**
 * Runs a scenario on this machine, without a server; loaded only then.
 * @throws HS_CONFIG_INVALID_SCENARIO, HS_STRATEGY_UNKNOWN, HS_STRATEGY_INVALID_CONFIG, HS_DEPLOYMENT_NO_TARGETS
 * @internal
 */
export async function simulateHere(scenario: SimulateRequest): Promise<SimulationResult> {
  const [simulator, selectors, abTesting, allAtOnce, blueGreen, canary, regional, rolling] = await Promise.all([
    import('@hotswap/simulator'),
    import('@hotswap/selectors-standard'),
    import('@hotswap/strategy-ab-testing'),
    import('@hotswap/strategy-all-at-once'),
    import('@hotswap/strategy-blue-green'),
    import('@hotswap/strategy-canary'),
    import('@hotswap/strategy-regional'),
    import('@hotswap/strategy-rolling'),
  ]);
  return simulator.simulate({
    ...simulator.readScenario(scenario),
    strategies: [
      abTesting.abTesting(),
      allAtOnce.allAtOnce(),
      blueGreen.blueGreen(),
      canary.canary(),
      regional.regional(),
      rolling.rolling(),
    ],
    selectors: selectors.standardSelectors(),
  });
}
