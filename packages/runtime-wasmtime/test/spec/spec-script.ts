import { readFileSync, readdirSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

/** A value as the converter writes it: integers and the bits of floats as decimal text, NaN patterns by name. */
export interface SpecValue {
  readonly type: string;
  readonly value?: string | readonly string[];
  /** Of a `v128`. */
  readonly lane_type?: 'i8' | 'i16' | 'i32' | 'i64' | 'f32' | 'f64';
  /** Of `either`: any of them is right. */
  readonly values?: readonly SpecValue[];
}

export interface SpecAction {
  readonly type: 'invoke' | 'get';
  /** Absent: the module that came last. */
  readonly module?: string;
  readonly field: string;
  readonly args?: readonly SpecValue[];
}

/** A command of a script. `wasm` is a binary in base64; absent where the script has text that no binary was made of. */
export type SpecCommand = { readonly line: number } & (
  | { readonly type: 'module' | 'module_definition'; readonly name?: string; readonly wasm?: string }
  | { readonly type: 'module_instance'; readonly instance?: string; readonly module?: string }
  | { readonly type: 'register'; readonly name?: string; readonly as: string }
  | { readonly type: 'action'; readonly action: SpecAction }
  | { readonly type: 'assert_return'; readonly action: SpecAction; readonly expected: readonly SpecValue[] }
  | { readonly type: 'assert_trap' | 'assert_exhaustion'; readonly action: SpecAction; readonly text: string }
  | { readonly type: 'assert_exception'; readonly action: SpecAction }
  | {
      readonly type: 'assert_invalid' | 'assert_malformed' | 'assert_unlinkable' | 'assert_uninstantiable';
      readonly wasm?: string;
      readonly text: string;
    }
);

const folder = new URL('fixtures/', import.meta.url);
const suffix = '.json.br';

/** Names of all scripts: `core.` and what WebAssembly 3.0 has, else the proposal that brought it. */
export const specScripts: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))
  .sort();

export function readSpecScript(name: string): readonly SpecCommand[] {
  const json = brotliDecompressSync(readFileSync(new URL(name + suffix, folder))).toString();
  return (JSON.parse(json) as { readonly commands: readonly SpecCommand[] }).commands;
}
