import type { HostImports } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import type { HostEventBatch, HostSignature } from '../binding.d.ts';
import { HostFunctionTable } from '../src/host-function-table.ts';
import type { NativeBinding } from '../src/load-native-binding.ts';

/** As much of the addon as one function without arguments needs. */
function tableOf(
  imports: HostImports,
  signature: HostSignature,
  isTaken = true,
): { table: HostFunctionTable; call: () => string[]; callHere: (args: readonly unknown[] | null) => unknown } {
  const heard: string[] = [];
  let deliver = (_batch: HostEventBatch): void => undefined;
  let callHere = (_index: number, _args: readonly unknown[] | null): unknown => undefined;
  class FakeFunctions {
    constructor(_names: string, onEvents: typeof deliver, here: typeof callHere) {
      deliver = onEvents;
      callHere = here;
    }
    signatureJson(): string {
      return JSON.stringify(signature);
    }
    answer(_request: number, results: unknown): boolean {
      heard.push(JSON.stringify(results));
      return isTaken;
    }
    fail(_request: number, message: string): void {
      heard.push(message);
    }
    close(): void {
      heard.push('closed');
    }
  }
  const table = new HostFunctionTable({ HostFunctions: FakeFunctions } as unknown as NativeBinding, imports);
  const call = (): string[] => {
    deliver([1, 0, [], undefined]);
    return heard;
  };
  return { table, call, callHere: (args) => callHere(0, args) };
}

describe('objects that a host function hands out', () => {
  const signature: HostSignature = {
    name: 'shop#things',
    params: [],
    results: [{ kind: 'list', element: { kind: 'own', resource: 'thing', host: true } }],
    packsParams: false,
    packsResults: false,
  };
  const thing = (): Disposable & { disposed: number } => ({
    disposed: 0,
    [Symbol.dispose](): void {
      this.disposed += 1;
    },
  });

  it('are held for its guest', () => {
    const things = [thing(), thing()];
    const { table, call } = tableOf({ shop: { things: () => things as never } }, signature);
    expect(call()).toEqual(['[[{"$resource":[4294967295,1,0]},{"$resource":[4294967295,2,0]}]]']);
    expect([table.resources.size, ...things.map(({ disposed }) => disposed)]).toEqual([2, 0, 0]);
  });

  it('are disposed of once when another value of the same answer is no object: no guest ever has them', () => {
    const first = thing();
    const { table, call } = tableOf({ shop: { things: () => [first, 7] as never } }, signature);
    expect(call()).toEqual([expect.stringContaining('shop#things')]);
    expect([table.resources.size, first.disposed]).toEqual([0, 1]);
  });

  it('are disposed of once when nobody takes the answer', () => {
    const things = [thing(), thing()];
    const { table, call } = tableOf({ shop: { things: () => things as never } }, signature, false);
    call();
    expect([table.resources.size, ...things.map(({ disposed }) => disposed)]).toEqual([0, 1, 1]);
  });

  it('are disposed of once when the answer on the same thread does not fit', () => {
    const things = [thing(), thing()];
    const { table, callHere } = tableOf({ shop: { things: () => things as never } }, signature);
    callHere([]);
    expect(table.resources.size).toBe(2);
    expect(callHere(null)).toBeUndefined();
    expect([table.resources.size, ...things.map(({ disposed }) => disposed)]).toEqual([0, 1, 1]);
  });

  it('are disposed of with their module; what was lent to it is not', () => {
    const [given, lent] = [thing(), thing()];
    const { table, call } = tableOf({ shop: { things: () => [given] as never } }, signature);
    call();
    table.resources.hold(lent);
    table.close();
    expect([given.disposed, lent.disposed]).toEqual([1, 0]);
  });
});
