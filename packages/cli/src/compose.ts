import { isHotSwapError, type RuntimeHost } from '@hotswap/core';
import type {
  InterfaceChangeView,
  SimulateRequest,
  SimulateTrainRequest,
  SimulationResult,
  TrainSimulationResult,
} from '@hotswap/protocol';
import type * as Simulator from '@hotswap/simulator';
import { cliError } from './error-codes.ts';

/**
 * The runtime that `hotswap run` runs modules on: Wasmtime, loaded only when a module is run, so that no other command
 * needs the native addon.
 * @param experimental - What of it is to be tried out. Default nothing.
 * @throws HS_CLI_INVALID_OPTION for an experiment that it does not have, HS_CLI_NO_RUNTIME when it is not installed; HS_RUNTIME_NATIVE_MISSING when it has no addon for this platform
 * @internal
 */
export async function openLocalRuntime(experimental: readonly string[] = []): Promise<RuntimeHost> {
  try {
    const { wasmtime, wasmtimeExperiments } = await import('@hotswap/runtime-wasmtime');
    const unknown = experimental.find((name) => !wasmtimeExperiments.some((known) => known === name));
    if (unknown !== undefined)
      throw cliError('HS_CLI_INVALID_OPTION', {
        option: '--experimental',
        why: `${unknown} is none of ${wasmtimeExperiments.join(', ')}`,
      });
    return await wasmtime({ experimental: wasmtimeExperiments.filter((name) => experimental.includes(name)) });
  } catch (error) {
    if (isHotSwapError(error)) throw error;
    throw cliError('HS_CLI_NO_RUNTIME', { why: (error as NodeJS.ErrnoException).code ?? 'unknown' }, error);
  }
}

/**
 * Compares two files on this machine: texts as WIT, binaries by what the runtime tells of them.
 * @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_UNRESOLVED, HS_INTERFACE_TOO_LARGE, HS_CLI_INVALID_OPTION,
 * HS_CLI_NO_RUNTIME, HS_RUNTIME_INVALID_MODULE
 * @internal
 */
export async function compareHere(
  before: Uint8Array,
  after: Uint8Array,
  openRuntime: () => Promise<RuntimeHost>,
): Promise<readonly InterfaceChangeView[]> {
  const { diffModules, diffWit } = await import('@hotswap/interfaces');
  const view = (changes: ReturnType<typeof diffWit>): readonly InterfaceChangeView[] =>
    changes.map(({ severity, kind, ...rest }) => ({ kind: severity, change: kind, ...rest }));
  if (isWasm(before) !== isWasm(after))
    throw cliError('HS_CLI_INVALID_OPTION', { option: '<b>', why: 'both files must be WIT text, or both modules' });
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  if (!isWasm(before)) return view(diffWit(text(before), text(after)));
  const runtime = await openRuntime();
  try {
    // Whether nodes offer a system interface is asked when it is deployed.
    const satisfies = (name: string): boolean => /^(?:wasi|hotswap):|^wasi_snapshot_preview1\./.test(name);
    return view(diffModules(await runtime.inspect(before), await runtime.inspect(after), { satisfies }));
  } finally {
    await runtime[Symbol.asyncDispose]();
  }
}

function isWasm(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;
}

/**
 * Runs a scenario on this machine, without a server; loaded only then.
 * @throws HS_CONFIG_INVALID_SCENARIO, HS_STRATEGY_UNKNOWN, HS_STRATEGY_INVALID_CONFIG, HS_DEPLOYMENT_NO_TARGETS
 * @internal
 */
export async function simulateHere(scenario: SimulateRequest): Promise<SimulationResult> {
  const { simulator, ...plugins } = await openSimulator();
  return simulator.simulate({ ...simulator.readScenario(scenario), ...plugins });
}

/**
 * The same with a scenario of a release train.
 * @throws as {@link simulateHere}
 * @internal
 */
export async function simulateTrainHere(scenario: SimulateTrainRequest): Promise<TrainSimulationResult> {
  const { simulator, ...plugins } = await openSimulator();
  return simulator.simulateTrain({ ...simulator.readTrainScenario(scenario), ...plugins });
}

async function openSimulator(): Promise<Simulator.SimulationPlugins & { readonly simulator: typeof Simulator }> {
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
  return {
    simulator,
    strategies: [
      abTesting.abTesting(),
      allAtOnce.allAtOnce(),
      blueGreen.blueGreen(),
      canary.canary(),
      regional.regional(),
      rolling.rolling(),
    ],
    selectors: selectors.standardSelectors(),
  };
}
