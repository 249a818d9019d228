import {
  type CallResult,
  type CommandOptions,
  type CommandResult,
  type LoadedModule,
  type SlotAssignment,
  type SlotCall,
  type SlotResult,
  type SlotTable,
  type WitValue,
  type Weighted,
  chooseVersion,
  drainLimitMs,
} from '@hotswap/core';
import type { SlotAssignment as NativeAssignment, SlotTable as NativeTable } from '../binding.d.ts';
import { runtimeError } from './error-codes.ts';
import type { NativeBinding } from './load-native-binding.ts';
import { mapNativeError } from './map-native-error.ts';
import { WasmtimeModule } from './wasmtime-module.ts';

interface SlotVersion extends Weighted {
  readonly module: WasmtimeModule;
}

/**
 * Names that requests go to. Replacing a slot's versions is one assignment of an immutable list; the choice of a version
 * and the admission of the call to it happen in one turn of the event loop, and the engine holds an admitted call's
 * version to its end. So no request sees two versions, and none is dropped by a swap.
 * @internal
 */
export class WasmtimeSlotTable implements SlotTable {
  /** What HTTP requests are served from: the same versions and weights, read by the addon's own threads. */
  readonly native: NativeTable;
  readonly #slots = new Map<string, readonly SlotVersion[]>();

  constructor(native: NativeBinding) {
    this.native = new native.SlotTable();
  }

  set(name: string, { versions }: SlotAssignment): void {
    const next = [...versions].map(([version, { module, weight }]) => ({
      name: version,
      weight: checkedWeight(version, weight),
      module: ownModule(version, module),
    }));
    const ordered = inKnownOrder(next, this.#slots.get(name) ?? []);
    this.#mirror(name, ordered);
    this.#slots.set(name, ordered);
  }

  remove(name: string): void {
    this.#slots.delete(name);
    this.native.remove(name);
  }

  async invoke(
    name: string,
    fn: string,
    args: readonly WitValue[],
    call: SlotCall = {},
  ): Promise<SlotResult<CallResult>> {
    const { name: version, module } = this.#choose(name, call);
    return { version, result: await module.invoke(fn, args, call) };
  }

  async run(name: string, options: CommandOptions & SlotCall): Promise<SlotResult<CommandResult>> {
    const { name: version, module } = this.#choose(name, options);
    return { version, result: await module.run(options) };
  }

  async drain(module: LoadedModule, deadlineMs: number): Promise<{ readonly finished: number; readonly cut: number }> {
    return await ownModule('drain', module).drain(drainLimitMs(deadlineMs));
  }

  #mirror(name: string, versions: readonly SlotVersion[]): void {
    if (versions.length === 0) {
      this.native.remove(name);
      return;
    }
    try {
      this.native.set(name, JSON.stringify(nativeAssignment(versions)));
    } catch (error) {
      throw mapNativeError(error);
    }
  }

  #choose(slot: string, call: SlotCall): SlotVersion {
    const versions = this.#slots.get(slot);
    if (versions === undefined) throw runtimeError('HS_RUNTIME_NO_SLOT', { slot });
    const chosen = chooseVersion(versions, call, Math.random());
    if (chosen !== undefined) return chosen;
    throw runtimeError('HS_RUNTIME_NO_VERSION', {
      slot,
      version: call.version ?? '(any with weight)',
      held: versions.map(({ name }) => name),
    });
  }
}

/**
 * The versions that were there before keep their places: shares are stretches of one scale, and a share that grows at its
 * end takes from its neighbour only.
 */
function inKnownOrder(next: readonly SlotVersion[], previous: readonly SlotVersion[]): readonly SlotVersion[] {
  const known = new Map(previous.map(({ name }, at) => [name, at]));
  const place = ({ name }: SlotVersion): number => known.get(name) ?? previous.length;
  return next.toSorted((a, b) => place(a) - place(b));
}

/** Relative weights as percents: the first version with weight gets what the shares of the others leave. */
function nativeAssignment(versions: readonly SlotVersion[]): NativeAssignment {
  const total = versions.reduce((sum, { weight }) => sum + weight, 0);
  const current = versions.find(({ weight }) => weight > 0);
  const others = versions.filter((version) => version !== current);
  return {
    current: current?.module.nativeId ?? null,
    splits: others
      .filter(({ weight }) => weight > 0)
      .map(({ module, weight }) => ({ moduleId: module.nativeId, weightPercent: (weight / total) * 100 })),
    keep: others.filter(({ weight }) => weight === 0).map(({ module }) => module.nativeId),
    // A module that is there under two names answers under the one that takes traffic.
    labels: Object.fromEntries(
      [...versions].sort((a, b) => a.weight - b.weight).map(({ name, module }) => [module.nativeId, name]),
    ),
  };
}

function ownModule(version: string, module: LoadedModule): WasmtimeModule {
  if (module instanceof WasmtimeModule) return module;
  throw runtimeError('HS_RUNTIME_INVALID_ARGUMENT', {
    path: `versions.${version}.module`,
    expected: 'a module that a Wasmtime host has loaded',
  });
}

function checkedWeight(version: string, weight: number): number {
  if (Number.isFinite(weight) && weight >= 0) return weight;
  throw runtimeError('HS_RUNTIME_INVALID_ARGUMENT', {
    path: `versions.${version}.weight`,
    expected: 'a finite number, zero or more',
  });
}
