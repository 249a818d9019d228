import type { WitType } from '../binding.d.ts';
import { camelCase } from './camel-case.ts';
import { typedArrayOf } from './message-layout.ts';

/** Texts up to here are copied letter by letter, which is quicker than a call. */
const shortText = 16;
/** Lists of numbers from here on go as the memory that they are, without a copy into a message. */
const largeListBytes = 64 * 1024;

/**
 * Writes the JavaScript that writes values of given types into a message. A value that does not fit its type, or that only a closer
 * look can judge, makes it give up: the other transport reads that value again, and says what is wrong with it.
 *
 * Room is looked after where the length is open: each text and each item of a list leaves as much behind it as all that may
 * follow before the next one.
 * @internal
 */
export class MessageWriter {
  readonly #functions: string[] = [];
  readonly #names = new Map<string, string>();
  /** Names of properties: a prototype that has one of them would be taken for the value itself. */
  readonly #keys = new Set<string>();
  #variables = 0;

  /** Functions in `bytes`, `view`, `size` and `at`, and `write(args)`, which returns where the message ends. */
  static program(params: readonly WitType[]): string {
    const writer = new MessageWriter();
    const writes = params.map((type, at) => {
      const value = writer.#variable();
      return `const ${value} = args[${at}]; ${writer.#write(type, value)}`;
    });
    const slack = params.reduce((sum, type) => sum + inlineBytes(type), 16);
    const polluted = [...writer.#keys].map((key) => `${JSON.stringify(key)} in plain`).join(' || ') || 'false';
    return `
const slack = ${slack};
${writer.#functions.join('\n')}
function write(args) {
  if (args.length !== ${params.length} || ${polluted}) throw unfit;
  let at = 0;
  if (size < slack) grow(slack);
  ${writes.join('\n  ')}
  return at;
}`;
  }

  #variable(): string {
    return `v${this.#variables++}`;
  }

  /** Statements that write the value of a variable and move `at`. */
  #write(type: WitType, value: string): string {
    const integer = (fits: string, write: string): string =>
      `if (typeof ${value} !== 'number' || (${fits}) !== ${value}) throw unfit; ${write}`;
    const put = (method: string, width: number, what = value): string =>
      `view.${method}(at, ${what}, true); at += ${width};`;
    switch (type.kind) {
      case 'bool':
        return `if (typeof ${value} !== 'boolean') throw unfit; bytes[at++] = ${value} ? 1 : 0;`;
      case 'u8':
        return integer(`${value} & 255`, `bytes[at++] = ${value};`);
      case 's8':
        return integer(`${value} << 24 >> 24`, `bytes[at++] = ${value};`);
      case 'u16':
        return integer(`${value} & 65535`, put('setUint16', 2));
      case 's16':
        return integer(`${value} << 16 >> 16`, put('setInt16', 2));
      case 'u32':
        return integer(`${value} >>> 0`, put('setUint32', 4));
      case 's32':
        return integer(`${value} | 0`, put('setInt32', 4));
      case 'u64':
        return put('setBigUint64', 8, `unsigned(${value})`);
      case 's64':
        return put('setBigInt64', 8, `signed(${value})`);
      case 'f32':
        return `if (typeof ${value} !== 'number') throw unfit; ${put('setFloat32', 4)}`;
      case 'f64':
        return `if (typeof ${value} !== 'number') throw unfit; ${put('setFloat64', 8)}`;
      case 'char':
        return put('setUint32', 4, `scalar(${value})`);
      case 'string':
        return `at = text(${value}, at);`;
      default:
        return `at = ${this.#function(type)}(${value}, at);`;
    }
  }

  /** The function for a compound type; equal types share one. */
  #function(type: WitType): string {
    const key = JSON.stringify(type);
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = `write${this.#names.size}`;
    this.#names.set(key, name);
    this.#functions.push(`function ${name}(value, at) {\n${this.#body(type)}\nreturn at;\n}`);
    return name;
  }

  #body(type: WitType): string {
    switch (type.kind) {
      case 'list':
        return this.#list(type.element);
      case 'tuple':
        return `if (!isArray(value) || value.length !== ${type.items.length}) throw unfit;\n${type.items
          .map((item, at) => this.#part(item, `value[${at}]`))
          .join('\n')}`;
      case 'record':
        return `${this.#object(type.fields.map(({ name }) => name))}\n${type.fields
          .map(({ name, type: inner }) => this.#part(inner, `value.${camelCase(name)}`, this.#kebab(name)))
          .join('\n')}`;
      case 'flags':
        return this.#flags(type.flags);
      case 'enum':
        return choice(
          'value',
          type.cases.map((name, at) => [name, this.#case(at, type.cases.length)]),
        );
      case 'option':
        if (type.some.kind === 'option') return this.#tagged([['none'], ['some', type.some]]);
        return `if (value === undefined || value === null) bytes[at++] = 0;\nelse { bytes[at++] = 1; ${this.#write(type.some, 'value')} }`;
      case 'variant':
        return this.#tagged(type.cases.map((item) => [item.name, item.type]));
      case 'result':
        return this.#tagged([
          ['ok', type.ok],
          ['err', type.err],
        ]);
      default:
        return 'throw unfit;';
    }
  }

  #part(type: WitType, from: string, check = ''): string {
    const value = this.#variable();
    return `const ${value} = ${from}; ${check.replaceAll('$', value)}${this.#write(type, value)}`;
  }

  /** A name of several words may be given as it is in WIT. */
  #kebab(name: string): string {
    return camelCase(name) === name ? '' : `if ($ === undefined && ${JSON.stringify(name)} in value) throw unfit; `;
  }

  #object(names: readonly string[]): string {
    const keys = names.map(camelCase);
    for (const key of keys) this.#keys.add(key);
    const owned = keys.map((key) => `!hasOwn(value, ${JSON.stringify(key)})`).join(' || ') || 'false';
    return `if (typeof value !== 'object' || value === null) throw unfit;\nif (getPrototypeOf(value) !== plain && (${owned})) throw unfit;`;
  }

  #list(element: WitType): string {
    const item = `for (let i = 0; i < n; i++) { if (at + slack > size) grow(at + slack); ${this.#part(element, 'value[i]')} }`;
    const plain = `const n = value.length; view.setUint32(at, n, true); at += 4;\n${item}`;
    const array = typedArrayOf(element);
    if (array === undefined) return `if (!isArray(value)) throw unfit;\n${plain}`;
    return `if (value instanceof ${array.constructor.name}) {
  if (value.byteLength > ${largeListBytes}) throw unfit;
  return packed(value, at);
}
if (!isArray(value)) throw unfit;
${plain}`;
  }

  #flags(names: readonly string[]): string {
    const words: string[] = [];
    for (let word = 0; word * 32 < names.length; word++) {
      const bits = names.slice(word * 32, word * 32 + 32).map((name, bit) => {
        const value = this.#variable();
        return `const ${value} = value.${camelCase(name)}; ${this.#kebab(name).replaceAll('$', value)}if (flag(${value})) bits |= ${1 << bit};`;
      });
      words.push(`bits = 0; ${bits.join('\n')}\nview.setInt32(at, bits, true); at += 4;`);
    }
    for (const name of names) this.#keys.add(camelCase(name));
    // One that is not there is not set, whoever its prototype is; the prototype must not have it.
    return `if (typeof value !== 'object' || value === null || getPrototypeOf(value) !== plain) throw unfit;\nlet bits;\n${words.join('\n')}`;
  }

  #tagged(cases: readonly (readonly [string, (WitType | undefined)?])[]): string {
    this.#keys.add('tag').add('val');
    const written = cases.map(([name, type], at): [string, string] => [
      name,
      this.#case(at, cases.length) +
        (type === undefined
          ? ` if (value.val !== undefined && value.val !== null) throw unfit;`
          : ` ${this.#part(type, 'value.val')}`),
    ]);
    return `if (typeof value !== 'object' || value === null || getPrototypeOf(value) !== plain) throw unfit;\n${choice('value.tag', written)}`;
  }

  #case(at: number, count: number): string {
    return count > 256 ? `view.setUint32(at, ${at}, true); at += 4;` : `bytes[at++] = ${at};`;
  }
}

function choice(value: string, cases: readonly (readonly [string, string])[]): string {
  const arms = cases.map(([name, body]) => `case ${JSON.stringify(name)}: { ${body} break; }`);
  return `switch (${value}) {\n${arms.join('\n')}\ndefault: throw unfit;\n}`;
}

/** What a value takes without its texts and the items of its lists, of which one each is counted. */
function inlineBytes(type: WitType): number {
  const sum = (types: readonly (WitType | undefined)[]): number =>
    types.reduce((total, inner) => total + (inner === undefined ? 0 : inlineBytes(inner)), 0);
  switch (type.kind) {
    case 'list':
      return 4 + inlineBytes(type.element);
    case 'tuple':
      return sum(type.items);
    case 'record':
      return sum(type.fields.map((field) => field.type));
    case 'flags':
      return 4 * Math.ceil(type.flags.length / 32);
    case 'option':
      return 1 + inlineBytes(type.some);
    case 'variant':
      return 4 + sum(type.cases.map((item) => item.type));
    case 'result':
      return 1 + sum([type.ok, type.err]);
    default:
      return 8;
  }
}

/** The functions that all writers stand on. */
export const writerPrelude: string = `
const { getPrototypeOf, hasOwn, prototype: plain } = Object;
const { isArray } = Array;
const { asIntN, asUintN } = BigInt;
function signed(value) {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value !== 'bigint' || asIntN(64, value) !== value) throw unfit;
  return value;
}
function unsigned(value) {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value !== 'bigint' || asUintN(64, value) !== value) throw unfit;
  return value;
}
function scalar(value) {
  if (typeof value !== 'string') throw unfit;
  const point = value.codePointAt(0);
  if (point === undefined || value.length !== (point > 0xffff ? 2 : 1) || (point >= 0xd800 && point <= 0xdfff)) throw unfit;
  return point;
}
function flag(value) {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw unfit;
  return value;
}
function text(value, at) {
  if (typeof value !== 'string') throw unfit;
  const n = value.length;
  const most = at + 4 + 3 * n + slack;
  if (most > size) grow(most);
  if (n <= ${shortText}) {
    let i = 0;
    for (; i < n; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 127) break;
      bytes[at + 4 + i] = unit;
    }
    if (i === n) {
      view.setUint32(at, n, true);
      return at + 4 + n;
    }
  }
  const written = bytes.write(value, at + 4);
  view.setUint32(at, written, true);
  return at + 4 + written;
}
function packed(value, at) {
  const { byteLength, length } = value;
  const most = at + 4 + byteLength + slack;
  if (most > size) grow(most);
  view.setUint32(at, length, true);
  bytes.set(new Uint8Array(value.buffer, value.byteOffset, byteLength), at + 4);
  return at + 4 + byteLength;
}`;
