import type { TokenReader } from './token-reader.ts';
import { witLimits } from './wit-lexer.ts';
import type { PlainType, SyntaxFunction, SyntaxType } from './wit-syntax.ts';

const plainTypes: ReadonlySet<string> = new Set<PlainType>([
  ...(['bool', 'u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64', 'f32', 'f64'] as const),
  ...(['char', 'string', 'error-context'] as const),
]);

/** Reads one type. @throws HS_INTERFACE_INVALID_WIT @internal */
export function parseType(reader: TokenReader, depth = 0): SyntaxType {
  if (depth >= witLimits.depth) throw reader.mistake(`types nest deeper than ${witLimits.depth}`);
  const { kind, text, isExplicit, at } = reader.peek();
  if (kind === 'id' && !isExplicit) {
    if (plainTypes.has(text)) {
      reader.take();
      return { kind: 'plain', name: text as PlainType };
    }
    const parse = compound[text];
    if (parse !== undefined) {
      reader.take();
      return parse(reader, depth + 1);
    }
  }
  if (kind !== 'id') throw reader.unexpected('a type');
  return { kind: 'name', name: reader.name().text, at };
}

const compound: Readonly<Record<string, ((reader: TokenReader, depth: number) => SyntaxType) | undefined>> = {
  __proto__: null as never,
  list: (reader, depth) => {
    reader.expect('<');
    const element = parseType(reader, depth);
    const length = reader.eat(',') ? listLength(reader) : null;
    reader.expect('>');
    return { kind: 'list', element, length };
  },
  map: (reader, depth) => {
    reader.expect('<');
    const key = parseType(reader, depth);
    reader.expect(',');
    const value = parseType(reader, depth);
    reader.expect('>');
    return { kind: 'map', key, value };
  },
  option: (reader, depth) => {
    reader.expect('<');
    const some = parseType(reader, depth);
    reader.expect('>');
    return { kind: 'option', some };
  },
  result: parseResult,
  tuple: (reader, depth) => ({ kind: 'tuple', items: reader.list('<', '>', () => parseType(reader, depth)) }),
  future: (reader, depth) => ({ kind: 'future', item: optionalItem(reader, depth) }),
  stream: (reader, depth) => ({ kind: 'stream', item: optionalItem(reader, depth) }),
  own: (reader) => handle(reader, 'own'),
  borrow: (reader) => handle(reader, 'borrow'),
};

function parseResult(reader: TokenReader, depth: number): SyntaxType {
  if (!reader.eat('<')) return { kind: 'result', ok: null, err: null };
  let ok: SyntaxType | null = null;
  let err: SyntaxType | null = null;
  if (reader.eat('_')) {
    reader.expect(',');
    err = parseType(reader, depth);
  } else {
    ok = parseType(reader, depth);
    if (reader.eat(',')) err = parseType(reader, depth);
  }
  reader.expect('>');
  return { kind: 'result', ok, err };
}

function optionalItem(reader: TokenReader, depth: number): SyntaxType | null {
  if (!reader.eat('<')) return null;
  const item = parseType(reader, depth);
  reader.expect('>');
  return item;
}

function handle(reader: TokenReader, kind: 'own' | 'borrow'): SyntaxType {
  reader.expect('<');
  const { text: name, at } = reader.name();
  reader.expect('>');
  return { kind, name, at };
}

function listLength(reader: TokenReader): number {
  const token = reader.peek();
  const length = Number(token.text);
  if (token.kind !== 'integer' || length > 0xffff_ffff) throw reader.unexpected('a length of up to 32 bits');
  reader.take();
  return length;
}

/** What stands after `name:`: `async? func(a: u32) -> string`. @throws HS_INTERFACE_INVALID_WIT @internal */
export function parseSignature(reader: TokenReader): Pick<SyntaxFunction, 'isAsync' | 'params' | 'result'> {
  const isAsync = reader.eat('async');
  reader.expect('func');
  return { isAsync, ...parseParams(reader) };
}

/** `(a: u32) -> string`. @internal */
export function parseParams(reader: TokenReader): Pick<SyntaxFunction, 'params' | 'result'> {
  const seen = new Set<string>();
  const params = reader.list('(', ')', () => {
    const { text: name, at } = reader.name();
    if (seen.has(name)) throw reader.mistake(`there are two parameters ${name}`, at);
    seen.add(name);
    reader.expect(':');
    return { name, type: parseType(reader) };
  });
  return { params, result: reader.eat('->') ? parseType(reader) : null };
}
