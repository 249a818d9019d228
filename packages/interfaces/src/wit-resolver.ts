import { elaborate } from './elaborate-world.ts';
import { interfaceError } from './error-codes.ts';
import { packageKey } from './package-key.ts';
import { TypeScope } from './type-scope.ts';
import type { WitDocument, WitFunction, WitInterface, WitPackage, WitWorld, WitWorldItem } from './wit-document.ts';
import { invalidWit, witLimits } from './wit-lexer.ts';
import type {
  SyntaxExtern,
  SyntaxFunction,
  SyntaxInterface,
  SyntaxPackage,
  SyntaxPath,
  SyntaxUse,
  SyntaxWorld,
} from './wit-syntax.ts';

interface Source {
  readonly key: string;
  readonly syntax: SyntaxPackage;
  readonly text: string;
  readonly interfaces: ReadonlyMap<string, SyntaxInterface>;
  readonly worlds: ReadonlyMap<string, SyntaxWorld>;
  readonly aliases: ReadonlyMap<string, SyntaxPath>;
}

interface WorldInProgress {
  readonly id: string;
  readonly name: string;
  readonly imports: Map<string, WitWorldItem>;
  readonly exports: Map<string, WitWorldItem>;
}

/** Looks up the names of packages that refer to each other. @internal */
export class WitResolver {
  readonly #sources = new Map<string, Source>();
  readonly #interfaces = new Map<string, WitInterface>();
  readonly #worlds = new Map<string, WitWorld>();
  /** What is being resolved: whatever is met again contains itself. */
  readonly #path = new Set<string>();
  #items = 0;

  /** @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_TOO_LARGE */
  add(syntax: SyntaxPackage, text: string, onSecond: 'refuse' | 'keep'): void {
    const key = packageKey(syntax.name, syntax.version);
    if (this.#sources.has(key)) {
      if (onSecond === 'keep') return;
      throw invalidWit(text, syntax.at, `there are two packages ${key}`);
    }
    this.#count(syntax.interfaces.length + syntax.worlds.length + 1);
    this.#sources.set(key, {
      key,
      syntax,
      text,
      interfaces: byName(syntax.interfaces, text),
      worlds: byName(syntax.worlds, text),
      aliases: new Map(syntax.aliases.map(({ path, as }) => [as, path])),
    });
  }

  /** @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_UNRESOLVED, HS_INTERFACE_TOO_LARGE */
  resolve(root: SyntaxPackage): WitDocument {
    const packages = new Map<string, WitPackage>();
    for (const source of this.#sources.values()) packages.set(source.key, this.#package(source));
    return { root: packages.get(packageKey(root.name, root.version)) as WitPackage, packages };
  }

  #package(source: Source): WitPackage {
    const { name, version } = source.syntax;
    const interfaces = new Map([...source.interfaces].map(([each, syntax]) => [each, this.#interface(source, syntax)]));
    const worlds = new Map([...source.worlds].map(([each, syntax]) => [each, this.#world(source, syntax)]));
    return { name, version, interfaces, worlds };
  }

  #interface(source: Source, syntax: SyntaxInterface): WitInterface {
    const id = idOf(source, syntax.name);
    const known = this.#interfaces.get(id);
    if (known !== undefined) return known;
    const made = this.#within(`interface ${id}`, source, syntax.at, () => this.#interfaceBody(source, syntax, id));
    this.#interfaces.set(id, made);
    return made;
  }

  #interfaceBody(source: Source, syntax: SyntaxInterface, id: string): WitInterface {
    const scope = new TypeScope(id, source.text);
    const dependencies = this.#use(source, scope, syntax.uses);
    const functions = new Map<string, WitFunction>();
    const resources = syntax.types.flatMap(({ body }) => (body.kind === 'resource' ? body.functions : []));
    this.#count(syntax.types.length + syntax.functions.length + resources.length);
    scope.define(syntax.types);
    for (const each of [...resources, ...syntax.functions]) addFunction(functions, scope, each, source.text);
    for (const { name, at } of syntax.functions)
      if (scope.definitions.has(name)) throw invalidWit(source.text, at, `${name} is a type and a function`);
    return { id, name: syntax.name, types: scope.definitions, functions, dependencies };
  }

  /** Takes over the used types; answers the interfaces that they come from. */
  #use(source: Source, scope: TypeScope, uses: readonly SyntaxUse[]): readonly WitInterface[] {
    const from = new Set<WitInterface>();
    for (const { from: path, names } of uses) {
      const used = this.#interfaceAt(source, path);
      from.add(used);
      this.#count(names.length);
      for (const { name, as, at } of names) {
        const definition = used.types.get(name);
        if (definition === undefined) throw invalidWit(source.text, at, `${used.id} has no type ${name}`);
        scope.use(as, definition, at);
      }
    }
    return [...from];
  }

  #interfaceAt(source: Source, path: SyntaxPath): WitInterface {
    const { source: owner, name } = this.#locate(source, path);
    const syntax = owner.interfaces.get(name);
    if (syntax === undefined) throw invalidWit(source.text, path.at, `there is no interface ${idOf(owner, name)}`);
    return this.#interface(owner, syntax);
  }

  /** The package and name that a path means, through `use ... as` at the top of its package. */
  #locate(source: Source, path: SyntaxPath): { readonly source: Source; readonly name: string } {
    if (path.packageName !== null) return { source: this.#packageOf(path.packageName, path.version), name: path.name };
    const alias = source.aliases.get(path.name);
    if (alias === undefined || source.interfaces.has(path.name) || source.worlds.has(path.name))
      return { source, name: path.name };
    return alias.packageName === null
      ? { source, name: alias.name }
      : { source: this.#packageOf(alias.packageName, alias.version), name: alias.name };
  }

  #packageOf(name: string, version: string | null): Source {
    const key = packageKey(name, version);
    const exact = this.#sources.get(key);
    if (exact !== undefined) return exact;
    throw interfaceError('HS_INTERFACE_UNRESOLVED', { name: key });
  }

  #world(source: Source, syntax: SyntaxWorld): WitWorld {
    const id = idOf(source, syntax.name);
    const known = this.#worlds.get(id);
    if (known !== undefined) return known;
    const made = this.#within(`world ${id}`, source, syntax.at, () => this.#worldBody(source, syntax, id));
    this.#worlds.set(id, made);
    return made;
  }

  #worldBody(source: Source, syntax: SyntaxWorld, id: string): WitWorld {
    const world: WorldInProgress = { id, name: syntax.name, imports: new Map(), exports: new Map() };
    for (const include of syntax.includes) this.#include(source, world, include);
    const scope = new TypeScope(id, source.text);
    for (const used of this.#use(source, scope, syntax.uses))
      world.imports.set(used.id, { kind: 'interface', interface: used });
    scope.define(syntax.types);
    for (const [name, definition] of scope.definitions) world.imports.set(name, { kind: 'type', definition });
    const resources = syntax.types.flatMap(({ body }) => (body.kind === 'resource' ? body.functions : []));
    for (const each of resources) world.imports.set(each.name, { kind: 'function', function: scope.function(each) });
    for (const extern of syntax.imports) this.#extern(source, scope, world.imports, extern);
    for (const extern of syntax.exports) this.#extern(source, scope, world.exports, extern);
    this.#count(syntax.types.length + world.imports.size + world.exports.size);
    return elaborate(world);
  }

  #include(source: Source, world: WorldInProgress, include: SyntaxWorld['includes'][number]): void {
    const { source: owner, name } = this.#locate(source, include.from);
    const syntax = owner.worlds.get(name);
    if (syntax === undefined) throw invalidWit(source.text, include.from.at, `there is no world ${idOf(owner, name)}`);
    const included = this.#world(owner, syntax);
    const renamed = new Map(include.names.map(({ name: from, as }) => [from, as]));
    for (const side of ['imports', 'exports'] as const) {
      this.#count(included[side].size);
      for (const [key, item] of included[side]) world[side].set(renamed.get(key) ?? key, item);
    }
  }

  #extern(source: Source, scope: TypeScope, side: Map<string, WitWorldItem>, extern: SyntaxExtern): void {
    const put = (key: string, item: WitWorldItem, at: number): void => {
      if (side.has(key) && item.kind !== 'interface') throw invalidWit(source.text, at, `there are two ${key}`);
      side.set(key, item);
    };
    switch (extern.kind) {
      case 'path': {
        const found = this.#interfaceAt(source, extern.path);
        put(extern.label ?? found.id, { kind: 'interface', interface: found }, extern.path.at);
        break;
      }
      case 'interface': {
        const { body } = extern;
        const found = this.#within(`interface ${body.name}`, source, body.at, () =>
          this.#interfaceBody(source, body, body.name),
        );
        put(body.name, { kind: 'interface', interface: found }, body.at);
        break;
      }
      case 'function':
        put(extern.body.name, { kind: 'function', function: scope.function(extern.body) }, extern.body.at);
        break;
    }
  }

  #within<Result>(what: string, source: Source, at: number, work: () => Result): Result {
    if (this.#path.has(what)) throw invalidWit(source.text, at, `${what} needs itself`);
    if (this.#path.size >= witLimits.depth)
      throw interfaceError('HS_INTERFACE_TOO_LARGE', { limit: witLimits.depth, unit: 'interfaces in a chain' });
    this.#path.add(what);
    const result = work();
    this.#path.delete(what);
    return result;
  }

  /** Worlds that include worlds multiply: what is taken together is bounded. */
  #count(items: number): void {
    this.#items += items;
    if (this.#items > witLimits.definitions)
      throw interfaceError('HS_INTERFACE_TOO_LARGE', { limit: witLimits.definitions, unit: 'definitions' });
  }
}

function addFunction(to: Map<string, WitFunction>, scope: TypeScope, syntax: SyntaxFunction, text: string): void {
  if (to.has(syntax.name)) throw invalidWit(text, syntax.at, `there are two functions ${syntax.name}`);
  to.set(syntax.name, scope.function(syntax));
}

function byName<Item extends { readonly name: string; readonly at: number }>(
  items: readonly Item[],
  text: string,
): ReadonlyMap<string, Item> {
  const map = new Map<string, Item>();
  for (const item of items) {
    if (map.has(item.name)) throw invalidWit(text, item.at, `there are two items ${item.name}`);
    map.set(item.name, item);
  }
  return map;
}

/** `ns:pkg/name@version`; the plain name where the package has none. */
function idOf({ syntax: { name: packageName, version } }: Source, name: string): string {
  return packageName === null ? name : packageKey(`${packageName}/${name}`, version);
}
