import type { WitType } from '../binding.d.ts';
import { camelCase } from './camel-case.ts';
import { typedArrayOf } from './message-layout.ts';

/**
 * Writes the JavaScript that reads a value of a given type out of a message. Messages are read as the addon wrote them.
 * @internal
 */
export class MessageReader {
  readonly #functions: string[] = [];
  readonly #names = new Map<string, string>();

  /** Functions in `bytes`, `view` and `at`, and `read()`, which returns the value. */
  static program(result: WitType | undefined): string {
    const reader = new MessageReader();
    const value = result === undefined ? 'undefined' : reader.#read(result);
    return `
${reader.#functions.join('\n')}
function read() {
  at = 0;
  return ${value};
}`;
  }

  /** An expression. */
  #read(type: WitType): string {
    switch (type.kind) {
      case 'bool':
        return 'bytes[at++] !== 0';
      case 'u8':
        return 'bytes[at++]';
      case 's8':
        return 'bytes[at++] << 24 >> 24';
      case 'u16':
        return 'u16()';
      case 's16':
        return 'u16() << 16 >> 16';
      case 'u32':
        return 'u32()';
      case 's32':
        return 's32()';
      case 'u64':
        return 'u64()';
      case 's64':
        return 's64()';
      case 'f32':
        return 'f32()';
      case 'f64':
        return 'f64()';
      case 'char':
        return 'String.fromCodePoint(u32())';
      case 'string':
        return 'text()';
      default:
        return `${this.#function(type)}()`;
    }
  }

  #function(type: WitType): string {
    const key = JSON.stringify(type);
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = `read${this.#names.size}`;
    this.#names.set(key, name);
    this.#functions.push(`function ${name}() {\n${this.#body(type)}\n}`);
    return name;
  }

  #body(type: WitType): string {
    switch (type.kind) {
      case 'list':
        return this.#list(type.element);
      case 'tuple':
        return `return [${type.items.map((item) => this.#read(item)).join(', ')}];`;
      case 'record':
        return `return { ${type.fields
          .map(({ name, type: inner }) => `${JSON.stringify(camelCase(name))}: ${this.#read(inner)}`)
          .join(', ')} };`;
      case 'flags':
        return flags(type.flags);
      case 'enum':
        return choice(type.cases.map((name) => JSON.stringify(name)));
      case 'option':
        if (type.some.kind === 'option') return this.#tagged([['none'], ['some', type.some]]);
        return `return bytes[at++] === 0 ? undefined : ${this.#read(type.some)};`;
      case 'variant':
        return this.#tagged(type.cases.map((item) => [item.name, item.type]));
      case 'result':
        return this.#tagged([
          ['ok', type.ok],
          ['err', type.err],
        ]);
      default:
        return 'return undefined;';
    }
  }

  #list(element: WitType): string {
    const array = typedArrayOf(element);
    if (array !== undefined) return `return packed(${array.constructor.name}, ${array.itemBytes});`;
    return `const n = u32();\nconst items = new Array(n);\nfor (let i = 0; i < n; i++) items[i] = ${this.#read(element)};\nreturn items;`;
  }

  #tagged(cases: readonly (readonly [string, (WitType | undefined)?])[]): string {
    return choice(
      cases.map(([name, type]) =>
        type === undefined
          ? `{ tag: ${JSON.stringify(name)} }`
          : `{ tag: ${JSON.stringify(name)}, val: ${this.#read(type)} }`,
      ),
    );
  }
}

function choice(values: readonly string[]): string {
  const arms = values.map((value, at) => `case ${at}: return ${value};`);
  return `switch (${values.length > 256 ? 'u32()' : 'bytes[at++]'}) {\n${arms.join('\n')}\n}`;
}

function flags(names: readonly string[]): string {
  const words = Array.from({ length: Math.ceil(names.length / 32) }, (_, word) => `const w${word} = s32();`);
  const bits = names.map(
    (name, at) => `${JSON.stringify(camelCase(name))}: (w${Math.floor(at / 32)} & ${1 << (at % 32)}) !== 0`,
  );
  return `${words.join(' ')}\nreturn { ${bits.join(', ')} };`;
}

/** The functions that all readers stand on. */
export const readerPrelude: string = `
function u16() { const value = view.getUint16(at, true); at += 2; return value; }
function u32() { const value = view.getUint32(at, true); at += 4; return value; }
function s32() { const value = view.getInt32(at, true); at += 4; return value; }
function u64() { const value = view.getBigUint64(at, true); at += 8; return value; }
function s64() { const value = view.getBigInt64(at, true); at += 8; return value; }
function f32() { const value = view.getFloat32(at, true); at += 4; return value; }
function f64() { const value = view.getFloat64(at, true); at += 8; return value; }
function text() {
  const n = u32();
  if (n === 0) return '';
  const from = at;
  at += n;
  return bytes.toString('utf8', from, at);
}
function packed(Type, width) {
  const n = u32();
  const from = bytes.byteOffset + at;
  at += n * width;
  return new Type(bytes.buffer.slice(from, from + n * width));
}`;
