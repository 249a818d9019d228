import { parseSignature } from './parse-type.ts';
import { parseTypeDefinition } from './parse-type-definition.ts';
import { TokenReader } from './token-reader.ts';
import { witLimits } from './wit-lexer.ts';
import type {
  Gate,
  SyntaxExtern,
  SyntaxFunction,
  SyntaxInterface,
  SyntaxPackage,
  SyntaxPath,
  SyntaxTypeDefinition,
  SyntaxUse,
  SyntaxWorld,
} from './wit-syntax.ts';

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] extends readonly (infer Item)[] ? Item[] : Type[Key] };

/**
 * Reads WIT text: what is written, without looking names up.
 * @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_TOO_LARGE
 * @internal
 */
export function parseWit(text: string): SyntaxPackage {
  const reader = new TokenReader(text);
  const { at } = reader.peek();
  const heading = headingOf(reader);
  return parseItems(reader, { name: null, version: null, ...heading, at }, 0);
}

/** `package a:b@1.0.0;` at the top; `package a:b {` is an item. */
function headingOf(reader: TokenReader): { readonly name: string; readonly version: string | null } | null {
  if (!reader.is('package')) return null;
  let ahead = 1;
  while (!reader.is(';', ahead) && !reader.is('{', ahead) && reader.peek(ahead).kind !== 'end') ahead++;
  if (!reader.is(';', ahead)) return null;
  reader.take();
  const name = packageName(reader);
  reader.expect(';');
  return name;
}

function packageName(reader: TokenReader): { readonly name: string; readonly version: string | null } {
  const namespace = reader.name().text;
  reader.expect(':');
  const name = `${namespace}:${reader.name().text}`;
  return { name, version: reader.eat('@') ? reader.version() : null };
}

function parseItems(
  reader: TokenReader,
  heading: Pick<SyntaxPackage, 'name' | 'version' | 'at'>,
  depth: number,
): SyntaxPackage {
  if (depth > witLimits.depth) throw reader.mistake(`packages nest deeper than ${witLimits.depth}`);
  const found: Mutable<SyntaxPackage> = { ...heading, interfaces: [], worlds: [], aliases: [], nested: [] };
  const isEnd = (): boolean => (depth === 0 ? reader.peek().kind === 'end' : reader.eat('}'));
  while (!isEnd()) {
    const gate = reader.gate();
    if (reader.is('interface')) found.interfaces.push(parseInterface(reader, gate));
    else if (reader.is('world')) found.worlds.push(parseWorld(reader));
    else if (reader.is('use')) found.aliases.push(parseAlias(reader));
    else if (reader.is('package')) found.nested.push(parseNested(reader, depth));
    else throw reader.unexpected('`interface`, `world`, `use` or `package`');
  }
  return found;
}

function parseNested(reader: TokenReader, depth: number): SyntaxPackage {
  const { at } = reader.expect('package');
  const heading = packageName(reader);
  reader.expect('{');
  return parseItems(reader, { ...heading, at }, depth + 1);
}

function parseAlias(reader: TokenReader): SyntaxPackage['aliases'][number] {
  reader.expect('use');
  const path = parsePath(reader);
  const as = reader.eat('as') ? reader.name().text : path.name;
  reader.expect(';');
  return { path, as };
}

function parsePath(reader: TokenReader): SyntaxPath {
  const { text: first, at } = reader.name();
  if (!reader.eat(':')) return { packageName: null, version: null, name: first, at };
  const packageName = `${first}:${reader.name().text}`;
  reader.expect('/');
  const { text: name } = reader.name();
  return { packageName, version: reader.eat('@') ? reader.version() : null, name, at };
}

function parseUse(reader: TokenReader): SyntaxUse {
  reader.expect('use');
  const from = parsePath(reader);
  reader.expect('.');
  const names = reader.list('{', '}', () => {
    const { text: name, at } = reader.name();
    return { name, as: reader.eat('as') ? reader.name().text : name, at };
  });
  reader.expect(';');
  return { from, names };
}

function parseInterface(reader: TokenReader, gate: Gate): SyntaxInterface {
  reader.expect('interface');
  const { text: name, at } = reader.name();
  return parseInterfaceBody(reader, name, at, gate);
}

function parseInterfaceBody(reader: TokenReader, name: string, at: number, gate: Gate): SyntaxInterface {
  const uses: SyntaxUse[] = [];
  const types: SyntaxTypeDefinition[] = [];
  const functions: SyntaxFunction[] = [];
  reader.expect('{');
  while (!reader.eat('}')) {
    const own = reader.gate();
    if (reader.is('use')) {
      uses.push(parseUse(reader));
      continue;
    }
    const type = parseTypeDefinition(reader, own);
    if (type === null) functions.push(parseFunction(reader, own));
    else types.push(type);
  }
  return { name, at, uses, types, functions, gate };
}

function parseFunction(reader: TokenReader, gate: Gate): SyntaxFunction {
  const { text: name, at } = reader.name();
  reader.expect(':');
  const signature = parseSignature(reader);
  reader.expect(';');
  return { name, at, ...signature, gate };
}

function parseWorld(reader: TokenReader): SyntaxWorld {
  reader.expect('world');
  const { text: name, at } = reader.name();
  const world: Mutable<SyntaxWorld> = { name, at, uses: [], types: [], imports: [], exports: [], includes: [] };
  reader.expect('{');
  while (!reader.eat('}')) {
    const gate = reader.gate();
    if (reader.is('use')) world.uses.push(parseUse(reader));
    else if (reader.eat('import')) world.imports.push(parseExtern(reader, gate));
    else if (reader.eat('export')) world.exports.push(parseExtern(reader, gate));
    else if (reader.eat('include')) world.includes.push(parseInclude(reader));
    else {
      const type = parseTypeDefinition(reader, gate);
      if (type === null) throw reader.unexpected('`import`, `export`, `include`, `use` or a type');
      world.types.push(type);
    }
  }
  return world;
}

function parseInclude(reader: TokenReader): SyntaxWorld['includes'][number] {
  const from = parsePath(reader);
  if (!reader.eat('with')) {
    reader.expect(';');
    return { from, names: [] };
  }
  const names = reader.list('{', '}', () => {
    const name = reader.name().text;
    reader.expect('as');
    return { name, as: reader.name().text };
  });
  reader.eat(';');
  return { from, names };
}

function parseExtern(reader: TokenReader, gate: Gate): SyntaxExtern {
  // `a:b/c` is a path, `a: b` a label.
  const isLabelled = reader.is(':', 1) && !reader.is('/', 3);
  if (!isLabelled) return pathExtern(reader, null);
  const { text: name, at } = reader.name();
  reader.expect(':');
  if (reader.is('func') || reader.is('async')) {
    const signature = parseSignature(reader);
    reader.expect(';');
    return { kind: 'function', body: { name, at, ...signature, gate } };
  }
  if (reader.eat('interface')) return { kind: 'interface', body: parseInterfaceBody(reader, name, at, gate) };
  return pathExtern(reader, name);
}

function pathExtern(reader: TokenReader, label: string | null): SyntaxExtern {
  const path = parsePath(reader);
  reader.expect(';');
  return { kind: 'path', path, label };
}
