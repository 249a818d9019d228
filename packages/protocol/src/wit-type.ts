import { protocolError } from './error-codes.ts';

/** A WIT type, or a value type of core modules, as a tree. @public */
export type WitType =
  | { readonly kind: 'bool' | 'string' | 'char' | 'bytes' }
  | { readonly kind: 'integer'; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean; readonly core: boolean }
  | { readonly kind: 'float'; readonly bits: 32 | 64 }
  | { readonly kind: 'list'; readonly element: WitType; readonly length?: number }
  | { readonly kind: 'option'; readonly some: WitType }
  | { readonly kind: 'result'; readonly ok: WitType | null; readonly err: WitType | null }
  | { readonly kind: 'tuple'; readonly items: readonly WitType[] }
  | { readonly kind: 'record'; readonly fields: readonly { readonly name: string; readonly type: WitType }[] }
  | { readonly kind: 'variant'; readonly cases: readonly { readonly name: string; readonly type: WitType | null }[] }
  | { readonly kind: 'enum' | 'flags'; readonly names: readonly string[] }
  /** Something that has no JSON form: resources, streams, reference types, a name without a definition. */
  | { readonly kind: 'opaque'; readonly text: string };

const parsed = new Map<string, WitType>();
const maxKept = 5_000;
const maxDepth = 64;

/**
 * Reads the text of a type as signatures carry it. Trees are kept by text, so that calls do not parse again.
 * @throws HS_AGENT_INVALID_ARGUMENT when the text is no type.
 * @public
 */
export function parseWitType(text: string): WitType {
  const known = parsed.get(text);
  if (known) return known;
  const tokens = text.match(/[%A-Za-z0-9_][A-Za-z0-9_./@-]*|\S/g) ?? [];
  const parser = new TypeParser(text, tokens);
  const type = parser.type(0);
  parser.end();
  if (parsed.size >= maxKept) parsed.clear();
  parsed.set(text, type);
  return type;
}

const integer = (bits: 8 | 16 | 32 | 64, signed: boolean, core = false): WitType => ({
  kind: 'integer',
  bits,
  signed,
  core,
});

const simple: Readonly<Record<string, WitType>> = {
  bool: { kind: 'bool' },
  string: { kind: 'string' },
  char: { kind: 'char' },
  u8: integer(8, false),
  u16: integer(16, false),
  u32: integer(32, false),
  u64: integer(64, false),
  s8: integer(8, true),
  s16: integer(16, true),
  s32: integer(32, true),
  s64: integer(64, true),
  i32: integer(32, true, true),
  i64: integer(64, true, true),
  f32: { kind: 'float', bits: 32 },
  f64: { kind: 'float', bits: 64 },
  float32: { kind: 'float', bits: 32 },
  float64: { kind: 'float', bits: 64 },
};

class TypeParser {
  readonly #text: string;
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string, tokens: readonly string[]) {
    this.#text = text;
    this.#tokens = tokens;
  }

  type(depth: number): WitType {
    if (depth > maxDepth) throw this.#refuse('it is nested too deep');
    const word = this.#next();
    if (word === '(') return { kind: 'tuple', items: this.#items(')', depth) };
    if (Object.hasOwn(simple, word)) return simple[word] as WitType;
    switch (word) {
      case 'list':
        return this.#list(depth);
      case 'option':
        return { kind: 'option', some: this.#inside(() => this.type(depth + 1)) };
      case 'result':
        return this.#result(depth);
      case 'tuple':
        this.#expect('<');
        return { kind: 'tuple', items: this.#items('>', depth) };
      case 'record':
        return { kind: 'record', fields: this.#members(() => this.#field(depth)) };
      case 'variant':
        return { kind: 'variant', cases: this.#members(() => this.#case(depth)) };
      case 'enum':
      case 'flags':
        return { kind: word, names: this.#members(() => this.#name()) };
      default:
        return this.#opaque(word, depth);
    }
  }

  end(): void {
    if (this.#at < this.#tokens.length) throw this.#refuse(`${String(this.#tokens[this.#at])} is left over`);
  }

  #list(depth: number): WitType {
    this.#expect('<');
    const element = this.type(depth + 1);
    if (this.#take(',')) {
      const length = Number(this.#next());
      this.#expect('>');
      return { kind: 'list', element, length };
    }
    this.#expect('>');
    if (element.kind === 'integer' && element.bits === 8 && !element.signed) return { kind: 'bytes' };
    return { kind: 'list', element };
  }

  #result(depth: number): WitType {
    if (!this.#take('<')) return { kind: 'result', ok: null, err: null };
    const ok = this.#take('_') ? null : this.type(depth + 1);
    const err = this.#take(',') ? (this.#take('_') ? null : this.type(depth + 1)) : null;
    this.#expect('>');
    return { kind: 'result', ok, err };
  }

  #field(depth: number): { name: string; type: WitType } {
    const name = this.#name();
    this.#expect(':');
    return { name, type: this.type(depth + 1) };
  }

  #case(depth: number): { name: string; type: WitType | null } {
    const name = this.#name();
    if (!this.#take('(')) return { name, type: null };
    const type = this.type(depth + 1);
    this.#expect(')');
    return { name, type };
  }

  #opaque(word: string, depth: number): WitType {
    if (!/^[%A-Za-z]/.test(word)) throw this.#refuse(`${word} does not belong there`);
    let text = word;
    while (this.#take(':')) text += `:${this.#next()}`;
    if (this.#take('<')) this.#items('>', depth);
    return { kind: 'opaque', text };
  }

  /** `%` only says that a keyword is meant as a name. */
  #name(): string {
    const word = this.#next();
    if (!/^[%A-Za-z0-9_]/.test(word)) throw this.#refuse(`${word} is no name`);
    return word.replace(/^%/, '');
  }

  #items(close: string, depth: number): WitType[] {
    const items: WitType[] = [];
    while (!this.#take(close)) {
      items.push(this.type(depth + 1));
      if (!this.#take(',')) {
        this.#expect(close);
        break;
      }
    }
    return items;
  }

  #members<T>(read: () => T): T[] {
    const members: T[] = [];
    this.#expect('{');
    while (!this.#take('}')) {
      members.push(read());
      if (!this.#take(',')) {
        this.#expect('}');
        break;
      }
    }
    return members;
  }

  #inside<T>(read: () => T): T {
    this.#expect('<');
    const value = read();
    this.#expect('>');
    return value;
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw this.#refuse('it ends too early');
    return token;
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw this.#refuse(`${token} is missing`);
  }

  #refuse(why: string): Error {
    return protocolError('HS_AGENT_INVALID_ARGUMENT', { path: 'type', type: this.#text, why });
  }
}
