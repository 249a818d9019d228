import { parseParams, parseSignature, parseType } from './parse-type.ts';
import type { TokenReader } from './token-reader.ts';
import type { Gate, SyntaxBody, SyntaxFunction, SyntaxTypeDefinition } from './wit-syntax.ts';

/**
 * Reads a definition of a type if one begins here; `null` when something else does.
 * @throws HS_INTERFACE_INVALID_WIT
 * @internal
 */
export function parseTypeDefinition(reader: TokenReader, gate: Gate): SyntaxTypeDefinition | null {
  const keyword = reader.peek();
  const parse = keyword.kind === 'id' && !keyword.isExplicit ? bodies.get(keyword.text) : undefined;
  if (parse === undefined) return null;
  reader.take();
  const { text: name, at } = reader.name();
  return { name, at, gate, body: parse(reader, name) };
}

const bodies: ReadonlyMap<string, (reader: TokenReader, name: string) => SyntaxBody> = new Map<
  string,
  (reader: TokenReader, name: string) => SyntaxBody
>([
  [
    'type',
    (reader) => {
      reader.expect('=');
      const type = parseType(reader);
      reader.expect(';');
      return { kind: 'alias', type };
    },
  ],
  [
    'record',
    (reader) => ({
      kind: 'record',
      fields: members(reader, 'field', () => {
        const { text: name, at } = reader.name();
        reader.expect(':');
        return { name, at, type: parseType(reader) };
      }),
    }),
  ],
  [
    'variant',
    (reader) => ({
      kind: 'variant',
      cases: members(reader, 'case', () => {
        const { text: name, at } = reader.name();
        if (!reader.eat('(')) return { name, at, type: null };
        const type = parseType(reader);
        reader.expect(')');
        return { name, at, type };
      }),
    }),
  ],
  ['enum', (reader) => ({ kind: 'enum', cases: names(reader, 'case') })],
  ['flags', (reader) => ({ kind: 'flags', flags: names(reader, 'flag') })],
  ['resource', (reader, name) => ({ kind: 'resource', functions: parseResourceFunctions(reader, name) })],
]);

/** Members with names that are there once. */
function members<Member extends { readonly name: string; readonly at: number }>(
  reader: TokenReader,
  noun: string,
  member: () => Member,
): readonly Member[] {
  const seen = new Set<string>();
  return reader.list('{', '}', () => {
    const read = member();
    if (seen.has(read.name)) throw reader.mistake(`there are two ${noun}s ${read.name}`, read.at);
    seen.add(read.name);
    return read;
  });
}

function names(reader: TokenReader, noun: string): readonly string[] {
  return members(reader, noun, () => {
    const { text: name, at } = reader.name();
    return { name, at };
  }).map(({ name }) => name);
}

function parseResourceFunctions(reader: TokenReader, resource: string): readonly SyntaxFunction[] {
  if (reader.eat(';')) return [];
  reader.expect('{');
  const functions: SyntaxFunction[] = [];
  const seen = new Set<string>();
  while (!reader.eat('}')) {
    const gate = reader.gate();
    const read = parseResourceFunction(reader, resource, gate);
    const plain = read.name.slice(read.name.indexOf(']') + 1);
    if (seen.has(plain)) throw reader.mistake(`there are two functions ${plain}`, read.at);
    seen.add(plain);
    functions.push(read);
  }
  return functions;
}

function parseResourceFunction(reader: TokenReader, resource: string, gate: Gate): SyntaxFunction {
  const { at } = reader.peek();
  if (reader.is('constructor')) {
    reader.take();
    const { params, result } = parseParams(reader);
    reader.expect(';');
    const made = result ?? { kind: 'own' as const, name: resource, at };
    return { name: `[constructor]${resource}`, at, isAsync: false, params, result: made, gate };
  }
  const { text: name } = reader.name();
  reader.expect(':');
  const isStatic = reader.eat('static');
  const signature = parseSignature(reader);
  reader.expect(';');
  if (isStatic) return { name: `[static]${resource}.${name}`, at, ...signature, gate };
  const self = { name: 'self', type: { kind: 'borrow' as const, name: resource, at } };
  return { name: `[method]${resource}.${name}`, at, ...signature, params: [self, ...signature.params], gate };
}
