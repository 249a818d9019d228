import type {
  CallResult,
  CommandOptions,
  CommandResult,
  LoadedModule,
  SlotAssignment,
  SlotCall,
  SlotResult,
  SlotTable,
  WitValue,
} from '@hotswap/core';
import { fakeError } from './testing-errors.ts';

/** Where a key stands on the line from 0 to 1: the same for good, so that a growing share only ever takes keys in. */
function standing(key: string): number {
  let hash = 2_166_136_261;
  for (const character of key) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16_777_619) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 2_246_822_507) >>> 0;
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

/** Slots in plain JavaScript: replacing a map entry is the swap. @internal */
export class V8SlotTable implements SlotTable {
  readonly #slots = new Map<string, SlotAssignment['versions']>();
  readonly #inFlight = new Map<LoadedModule, Set<Promise<unknown>>>();

  set(name: string, { versions }: SlotAssignment): void {
    this.#slots.set(name, new Map(versions));
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
    const { version, module } = this.#choose(name, call);
    return { version, result: await this.#track(module, module.invoke(fn, args, call)) };
  }

  async run(name: string, options: CommandOptions & SlotCall): Promise<SlotResult<CommandResult>> {
    const { version, module } = this.#choose(name, options);
    return { version, result: await this.#track(module, module.run(options)) };
  }

  async drain(module: LoadedModule): Promise<{ readonly finished: number; readonly cut: number }> {
    const held = [...(this.#inFlight.get(module) ?? [])];
    await Promise.allSettled(held);
    return { finished: held.length, cut: 0 };
  }

  #choose(name: string, call: SlotCall): { readonly version: string; readonly module: LoadedModule } {
    const versions = this.#slots.get(name);
    if (!versions) throw fakeError('HS_RUNTIME_NO_SLOT', { slot: name });
    if (call.version !== undefined) {
      const pinned = versions.get(call.version);
      if (!pinned) throw fakeError('HS_RUNTIME_NO_VERSION', { slot: name, version: call.version });
      return { version: call.version, module: pinned.module };
    }
    // The newest version stands at the low end, so a key that it has taken stays taken as it grows.
    const served = [...versions].filter(([, { weight }]) => weight > 0).reverse();
    const total = served.reduce((sum, [, { weight }]) => sum + weight, 0);
    let left = (call.stickyKey === undefined ? Math.random() : standing(call.stickyKey)) * total;
    for (const [version, { module, weight }] of served) {
      left -= weight;
      if (left < 0) return { version, module };
    }
    throw fakeError('HS_RUNTIME_NO_VERSION', { slot: name, version: 'with any weight' });
  }

  async #track<T>(module: LoadedModule, work: Promise<T>): Promise<T> {
    const held = this.#inFlight.get(module) ?? new Set();
    this.#inFlight.set(module, held.add(work));
    try {
      return await work;
    } finally {
      held.delete(work);
    }
  }
}
