import {
  type CallResult,
  type CommandOptions,
  type CommandResult,
  type LoadedModule,
  type SlotAssignment,
  type SlotCall,
  type SlotResult,
  type SlotTable,
  type Weighted,
  type WitValue,
  chooseVersion,
  drainLimitMs,
} from '@hotswap/core';
import { ChildModule } from './child-module.ts';
import { runtimeChildError } from './error-codes.ts';

interface SlotVersion extends Weighted {
  readonly module: ChildModule;
}

/**
 * Names that requests go to. A slot's versions are one immutable list that is replaced at once; the choice of a version and
 * the admission of the call to it happen in one turn of the event loop.
 * @internal
 */
export class ModuleSlotTable implements SlotTable {
  readonly #slots = new Map<string, readonly SlotVersion[]>();

  set(name: string, { versions }: SlotAssignment): void {
    const list = [...versions].map(([version, { module, weight }]) => {
      if (!Number.isFinite(weight) || weight < 0) refuse(`versions.${version}.weight`, 'a finite number, zero or more');
      return { name: version, weight, module: ownModule(`versions.${version}.module`, module) };
    });
    this.#slots.set(name, list);
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
    return await ownModule('module', module).drain(drainLimitMs(deadlineMs));
  }

  #choose(slot: string, call: SlotCall): SlotVersion {
    const versions = this.#slots.get(slot);
    if (versions === undefined) throw runtimeChildError('HS_RUNTIME_NO_SLOT', { slot });
    const chosen = chooseVersion(versions, call, Math.random());
    if (chosen !== undefined) return chosen;
    const held = versions.map(({ name }) => name);
    throw runtimeChildError('HS_RUNTIME_NO_VERSION', { slot, version: call.version ?? '(any with weight)', held });
  }
}

function ownModule(path: string, module: LoadedModule): ChildModule {
  return module instanceof ChildModule ? module : refuse(path, 'a module that a host of this engine has loaded');
}

function refuse(path: string, expected: string): never {
  throw runtimeChildError('HS_RUNTIME_INVALID_ARGUMENT', { path, expected });
}
