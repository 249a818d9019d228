import type { PlainType } from './wit-syntax.ts';

/** A type with its names looked up. @public */
export type WitType =
  | { readonly kind: 'plain'; readonly name: PlainType }
  | { readonly kind: 'named'; readonly definition: WitDefinition }
  | { readonly kind: 'own' | 'borrow'; readonly definition: WitDefinition }
  | { readonly kind: 'list'; readonly element: WitType; readonly length: number | null }
  | { readonly kind: 'map'; readonly key: WitType; readonly value: WitType }
  | { readonly kind: 'option'; readonly some: WitType }
  | { readonly kind: 'result'; readonly ok: WitType | null; readonly err: WitType | null }
  | { readonly kind: 'tuple'; readonly items: readonly WitType[] }
  | { readonly kind: 'future' | 'stream'; readonly item: WitType | null };

/** What a named type is. @public */
export type WitBody =
  | { readonly kind: 'alias'; readonly of: WitType }
  | { readonly kind: 'record'; readonly fields: readonly { readonly name: string; readonly type: WitType }[] }
  | { readonly kind: 'variant'; readonly cases: readonly { readonly name: string; readonly type: WitType | null }[] }
  | { readonly kind: 'enum'; readonly cases: readonly string[] }
  | { readonly kind: 'flags'; readonly flags: readonly string[] }
  | { readonly kind: 'resource' };

/** A type that has a name. @public */
export interface WitDefinition {
  readonly name: string;
  /** Id of the interface or world that defines it. */
  readonly owner: string;
  readonly body: WitBody;
}

/** @public */
export interface WitFunction {
  /** As in components: `scale`, `[method]image.scale`, `[constructor]image`. */
  readonly name: string;
  readonly isAsync: boolean;
  readonly params: readonly { readonly name: string; readonly type: WitType }[];
  readonly result: WitType | null;
  /** Version of `@deprecated`; `null`: it is not. */
  readonly deprecatedSince: string | null;
}

/** @public */
export interface WitInterface {
  /** `ns:pkg/name@version`; the plain name for one that a world declares itself. */
  readonly id: string;
  readonly name: string;
  readonly types: ReadonlyMap<string, WitDefinition>;
  readonly functions: ReadonlyMap<string, WitFunction>;
  /** Interfaces whose types it uses. */
  readonly dependencies: readonly WitInterface[];
}

/** One thing that a world imports or exports. @public */
export type WitWorldItem =
  | { readonly kind: 'interface'; readonly interface: WitInterface }
  | { readonly kind: 'function'; readonly function: WitFunction }
  | { readonly kind: 'type'; readonly definition: WitDefinition };

/** @public */
export interface WitWorld {
  /** `ns:pkg/name@version`. */
  readonly id: string;
  readonly name: string;
  /** By interface id or plain name; interfaces whose types are used stand here too. */
  readonly imports: ReadonlyMap<string, WitWorldItem>;
  readonly exports: ReadonlyMap<string, WitWorldItem>;
}

/** @public */
export interface WitPackage {
  /** `ns:name`; `null` when the text does not say. */
  readonly name: string | null;
  readonly version: string | null;
  readonly interfaces: ReadonlyMap<string, WitInterface>;
  readonly worlds: ReadonlyMap<string, WitWorld>;
}

/** A text with everything looked up. @public */
export interface WitDocument {
  /** The package that the text is about. */
  readonly root: WitPackage;
  /** Packages nested in the text and given as dependencies, by `ns:name@version`. */
  readonly packages: ReadonlyMap<string, WitPackage>;
}
