import { interfaceError } from './error-codes.ts';
import { typesOf, typesOfBody } from './type-parts.ts';
import { invalidWit, witLimits } from './wit-lexer.ts';
import type { WitBody, WitDefinition, WitFunction, WitType } from './wit-document.ts';
import type { SyntaxBody, SyntaxFunction, SyntaxType, SyntaxTypeDefinition } from './wit-syntax.ts';

type MutableDefinition = { -readonly [Key in keyof WitDefinition]: WitDefinition[Key] };

/** How deep a type reaches through the names it uses; what is deeper than the limit is refused. */
const depths = new WeakMap<WitDefinition, number>();

/** Names of types of one interface or world. @internal */
export class TypeScope {
  readonly #owner: string;
  readonly #text: string;
  readonly #definitions = new Map<string, WitDefinition>();
  readonly #pending = new Map<string, SyntaxTypeDefinition>();
  readonly #resolving = new Set<string>();
  #level = 0;

  constructor(owner: string, text: string) {
    this.#owner = owner;
    this.#text = text;
  }

  get definitions(): ReadonlyMap<string, WitDefinition> {
    return this.#definitions;
  }

  /** Takes over a type of another interface. @throws HS_INTERFACE_INVALID_WIT */
  use(as: string, definition: WitDefinition, at: number): void {
    this.#refuseSecond(as, at);
    const alias: WitDefinition = {
      name: as,
      owner: this.#owner,
      body: { kind: 'alias', of: { kind: 'named', definition } },
    };
    this.#keep(as, alias);
  }

  /** Resolves definitions, in whatever order they refer to each other. @throws HS_INTERFACE_INVALID_WIT */
  define(all: readonly SyntaxTypeDefinition[]): void {
    for (const definition of all) {
      this.#refuseSecond(definition.name, definition.at);
      this.#pending.set(definition.name, definition);
    }
    for (const { name, at } of all) this.#find(name, at);
  }

  /** @throws HS_INTERFACE_INVALID_WIT */
  function(syntax: SyntaxFunction): WitFunction {
    return {
      name: syntax.name,
      isAsync: syntax.isAsync,
      params: syntax.params.map(({ name, type }) => ({ name, type: this.#type(type) })),
      result: syntax.result === null ? null : this.#type(syntax.result),
      deprecatedSince: syntax.gate.deprecatedSince,
    };
  }

  #refuseSecond(name: string, at: number): void {
    if (this.#definitions.has(name) || this.#pending.has(name))
      throw invalidWit(this.#text, at, `there are two types ${name}`);
  }

  #find(name: string, at: number): WitDefinition {
    const known = this.#definitions.get(name);
    if (known !== undefined) return known;
    const pending = this.#pending.get(name);
    if (pending === undefined) throw invalidWit(this.#text, at, `there is no type ${name} here`);
    if (this.#resolving.has(name)) throw invalidWit(this.#text, at, `the type ${name} contains itself`);
    this.#resolving.add(name);
    const definition: MutableDefinition = { name, owner: this.#owner, body: { kind: 'resource' } };
    if (pending.body.kind !== 'resource') definition.body = this.#body(pending.body);
    this.#resolving.delete(name);
    return this.#keep(name, definition);
  }

  #keep(name: string, definition: WitDefinition): WitDefinition {
    const depth = 1 + deepest(typesOfBody(definition.body));
    if (depth > witLimits.depth) throw tooDeep();
    depths.set(definition, depth);
    this.#definitions.set(name, definition);
    return definition;
  }

  #body(body: Exclude<SyntaxBody, { kind: 'resource' }>): WitBody {
    switch (body.kind) {
      case 'alias':
        return { kind: 'alias', of: this.#type(body.type) };
      case 'record':
        return { kind: 'record', fields: body.fields.map(({ name, type }) => ({ name, type: this.#type(type) })) };
      case 'variant':
        return {
          kind: 'variant',
          cases: body.cases.map(({ name, type }) => ({ name, type: type === null ? null : this.#type(type) })),
        };
      case 'enum':
      case 'flags':
        return body;
    }
  }

  #type(type: SyntaxType): WitType {
    if (++this.#level > witLimits.depth) throw tooDeep();
    const resolved = this.#resolve(type);
    this.#level--;
    return resolved;
  }

  #resolve(type: SyntaxType): WitType {
    const optional = (part: SyntaxType | null): WitType | null => (part === null ? null : this.#type(part));
    switch (type.kind) {
      case 'plain':
        return type;
      case 'name':
        return { kind: 'named', definition: this.#find(type.name, type.at) };
      case 'own':
      case 'borrow':
        return this.#handle(type);
      case 'list':
        return { kind: 'list', element: this.#type(type.element), length: type.length };
      case 'map':
        return { kind: 'map', key: this.#type(type.key), value: this.#type(type.value) };
      case 'option':
        return { kind: 'option', some: this.#type(type.some) };
      case 'result':
        return { kind: 'result', ok: optional(type.ok), err: optional(type.err) };
      case 'tuple':
        return { kind: 'tuple', items: type.items.map((item) => this.#type(item)) };
      case 'future':
      case 'stream':
        return { kind: type.kind, item: optional(type.item) };
    }
  }

  #handle({ kind, name, at }: SyntaxType & { kind: 'own' | 'borrow' }): WitType {
    const definition = this.#find(name, at);
    if (resourceOf(definition) === null) throw invalidWit(this.#text, at, `${name} is no resource`);
    return { kind, definition };
  }
}

function tooDeep(): Error {
  return interfaceError('HS_INTERFACE_TOO_LARGE', { limit: witLimits.depth, unit: 'levels of types' });
}

/** The type behind all other names it goes by. @internal */
export function unaliased(definition: WitDefinition): WitDefinition {
  let at = definition;
  while (at.body.kind === 'alias' && at.body.of.kind === 'named') at = at.body.of.definition;
  return at;
}

/** The resource that a name stands for; `null`: it is something else. @internal */
export function resourceOf(definition: WitDefinition): WitDefinition | null {
  const at = unaliased(definition);
  return at.body.kind === 'resource' ? at : null;
}

function depthOf(type: WitType): number {
  return type.kind === 'named' ? (depths.get(type.definition) ?? 1) : 1 + deepest(typesOf(type));
}

function deepest(types: readonly WitType[]): number {
  return types.reduce((most, type) => Math.max(most, depthOf(type)), 0);
}
