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
  chooseByKey,
  chooseByWeight,
} from '@hotswap/core';
import { runtimeError } from './error-codes.ts';
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
  readonly #slots = new Map<string, readonly SlotVersion[]>();

  set(name: string, { versions }: SlotAssignment): void {
    this.#slots.set(
      name,
      [...versions].map(([version, { module, weight }]) => ({
        name: version,
        weight: checkedWeight(version, weight),
        module: ownModule(version, module),
      })),
    );
  }

  remove(name: string): void {
    this.#slots.delete(name);
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
    return await ownModule('drain', module).drain(deadlineMs);
  }

  #choose(slot: string, { version, stickyKey }: SlotCall): SlotVersion {
    const versions = this.#slots.get(slot);
    if (versions === undefined) throw runtimeError('HS_RUNTIME_NO_SLOT', { slot });
    const chosen =
      version !== undefined
        ? versions.find(({ name }) => name === version)
        : stickyKey !== undefined
          ? chooseByKey(versions, stickyKey)
          : chooseByWeight(versions, Math.random());
    if (chosen !== undefined) return chosen;
    throw runtimeError('HS_RUNTIME_NO_VERSION', {
      slot,
      version: version ?? '(any with weight)',
      held: versions.map(({ name }) => name),
    });
  }
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
