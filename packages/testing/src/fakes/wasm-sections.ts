import type { FunctionSignature, ModuleExtern } from '@hotswap/core';

const valueTypes: Readonly<Record<number, string>> = { 0x7f: 'i32', 0x7e: 'i64', 0x7d: 'f32', 0x7c: 'f64' };
const externKinds = ['function', 'table', 'memory', 'global'] as const;
const section = { type: 1, import: 2, function: 3, export: 7 };

interface FunctionType {
  readonly params: readonly string[];
  readonly results: readonly string[];
}

/** Interface of a core module as its sections declare it. @internal */
export interface WasmSections {
  readonly imports: readonly ModuleExtern[];
  readonly exports: readonly ModuleExtern[];
  readonly functions: readonly FunctionSignature[];
}

/** Reads bytes from the front. */
class ByteReader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    return this.#bytes[this.at++] ?? 0;
  }

  /** An unsigned LEB128 number. */
  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const next = this.byte();
      value |= (next & 0x7f) << shift;
      if (next < 0x80) return value >>> 0;
    }
  }

  text(): string {
    const length = this.number();
    this.at += length;
    return new TextDecoder().decode(this.#bytes.subarray(this.at - length, this.at));
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.number() }, read);
  }

  limits(): void {
    const hasMaximum = this.byte() & 1;
    this.number();
    if (hasMaximum) this.number();
  }
}

/** Reads the interface of a valid core module with plain numeric types. @internal */
export function readWasmSections(bytes: Uint8Array): WasmSections {
  const types: FunctionType[] = [];
  const functions: number[] = [];
  const imports: ModuleExtern[] = [];
  const exported: { readonly name: string; readonly kind: number; readonly index: number }[] = [];
  for (let at = 8; at < bytes.length;) {
    const reader = new ByteReader(bytes, at);
    const id = reader.byte();
    const size = reader.number();
    at = reader.at + size;
    if (id === section.type) {
      types.push(
        ...reader.list(() => {
          reader.byte();
          const value = (): string => valueTypes[reader.byte()] ?? 'ref';
          return { params: reader.list(value), results: reader.list(value) };
        }),
      );
    } else if (id === section.import) imports.push(...reader.list(() => readImport(reader, functions)));
    else if (id === section.function) functions.push(...reader.list(() => reader.number()));
    else if (id === section.export)
      exported.push(...reader.list(() => ({ name: reader.text(), kind: reader.byte(), index: reader.number() })));
  }
  return {
    imports,
    exports: exported.map(({ name, kind }) => ({ name, kind: externKinds[kind] ?? 'function' })),
    functions: exported
      .filter(({ kind }) => kind === 0)
      .map(({ name, index }) => signature(name, types[functions[index] ?? -1])),
  };
}

function readImport(reader: ByteReader, functions: number[]): ModuleExtern {
  const name = `${reader.text()}.${reader.text()}`;
  const kind = externKinds[reader.byte()] ?? 'function';
  if (kind === 'function') functions.push(reader.number());
  else if (kind === 'memory') reader.limits();
  else reader.at += 2;
  if (kind === 'table') reader.limits();
  return { name, kind };
}

function signature(name: string, type: FunctionType | undefined): FunctionSignature {
  const params = (type?.params ?? []).map((param, n) => ({ name: `p${n}`, type: param }));
  const results = type?.results ?? [];
  if (results.length === 0) return { name, params };
  return { name, params, result: results.length === 1 ? (results[0] ?? '') : `(${results.join(', ')})` };
}
