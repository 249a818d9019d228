import type { WitType } from '../binding.d.ts';

/** A typed array that a list of numbers is in JavaScript. @internal */
export interface NumericList {
  readonly constructor: { readonly name: string };
  readonly itemBytes: number;
}

const numericLists: Readonly<Record<string, NumericList>> = {
  u8: { constructor: Uint8Array, itemBytes: 1 },
  s8: { constructor: Int8Array, itemBytes: 1 },
  u16: { constructor: Uint16Array, itemBytes: 2 },
  s16: { constructor: Int16Array, itemBytes: 2 },
  u32: { constructor: Uint32Array, itemBytes: 4 },
  s32: { constructor: Int32Array, itemBytes: 4 },
  u64: { constructor: BigUint64Array, itemBytes: 8 },
  s64: { constructor: BigInt64Array, itemBytes: 8 },
  f32: { constructor: Float32Array, itemBytes: 4 },
  f64: { constructor: Float64Array, itemBytes: 8 },
};

/** What lists of such elements are as typed arrays; `undefined` for all but numbers. @internal */
export function typedArrayOf(element: WitType): NumericList | undefined {
  return numericLists[element.kind];
}

/** Parts of a type; what has more than this is not worth a program of its own. @internal */
export function countParts(type: WitType | undefined): number {
  if (type === undefined) return 0;
  const sum = (types: readonly (WitType | undefined)[]): number =>
    types.reduce((total, inner) => total + countParts(inner), 1);
  switch (type.kind) {
    case 'list':
      return sum([type.element]);
    case 'tuple':
      return sum(type.items);
    case 'record':
      return sum(type.fields.map((field) => field.type));
    case 'option':
      return sum([type.some]);
    case 'variant':
      return sum(type.cases.map((item) => item.type));
    case 'result':
      return sum([type.ok, type.err]);
    case 'flags':
      return 1 + type.flags.length;
    default:
      return 1;
  }
}
