/** A type as it is written; names are not looked up yet. @internal */
export type SyntaxType =
  | { readonly kind: 'plain'; readonly name: PlainType }
  | { readonly kind: 'name'; readonly name: string; readonly at: number }
  | { readonly kind: 'own' | 'borrow'; readonly name: string; readonly at: number }
  | { readonly kind: 'list'; readonly element: SyntaxType; readonly length: number | null }
  | { readonly kind: 'map'; readonly key: SyntaxType; readonly value: SyntaxType }
  | { readonly kind: 'option'; readonly some: SyntaxType }
  | { readonly kind: 'result'; readonly ok: SyntaxType | null; readonly err: SyntaxType | null }
  | { readonly kind: 'tuple'; readonly items: readonly SyntaxType[] }
  | { readonly kind: 'future' | 'stream'; readonly item: SyntaxType | null };

/** Types without parts. @public */
export type PlainType =
  | 'bool'
  | 'u8'
  | 'u16'
  | 'u32'
  | 'u64'
  | 's8'
  | 's16'
  | 's32'
  | 's64'
  | 'f32'
  | 'f64'
  | 'char'
  | 'string'
  | 'error-context';

/** @internal */
export interface SyntaxFunction {
  /** As in components: `[method]image.scale` for those of resources. */
  readonly name: string;
  readonly at: number;
  readonly isAsync: boolean;
  readonly params: readonly { readonly name: string; readonly type: SyntaxType }[];
  readonly result: SyntaxType | null;
  readonly gate: Gate;
}

/** What `@since`, `@unstable` and `@deprecated` say. @internal */
export interface Gate {
  readonly deprecatedSince: string | null;
  readonly unstable: string | null;
}

/** @internal */
export type SyntaxBody =
  | { readonly kind: 'alias'; readonly type: SyntaxType }
  | { readonly kind: 'record'; readonly fields: readonly { readonly name: string; readonly type: SyntaxType }[] }
  | { readonly kind: 'variant'; readonly cases: readonly { readonly name: string; readonly type: SyntaxType | null }[] }
  | { readonly kind: 'enum'; readonly cases: readonly string[] }
  | { readonly kind: 'flags'; readonly flags: readonly string[] }
  | { readonly kind: 'resource'; readonly functions: readonly SyntaxFunction[] };

/** @internal */
export interface SyntaxTypeDefinition {
  readonly name: string;
  readonly at: number;
  readonly body: SyntaxBody;
  readonly gate: Gate;
}

/** `name`, or `ns:pkg/name@version`. @internal */
export interface SyntaxPath {
  readonly packageName: string | null;
  readonly version: string | null;
  readonly name: string;
  readonly at: number;
}

/** `use path.{a, b as c};` @internal */
export interface SyntaxUse {
  readonly from: SyntaxPath;
  readonly names: readonly { readonly name: string; readonly as: string; readonly at: number }[];
}

/** @internal */
export interface SyntaxInterface {
  readonly name: string;
  readonly at: number;
  readonly uses: readonly SyntaxUse[];
  readonly types: readonly SyntaxTypeDefinition[];
  readonly functions: readonly SyntaxFunction[];
  readonly gate: Gate;
}

/** What a world imports or exports. @internal */
export type SyntaxExtern =
  | { readonly kind: 'path'; readonly path: SyntaxPath; readonly label: string | null }
  | { readonly kind: 'interface'; readonly body: SyntaxInterface }
  | { readonly kind: 'function'; readonly body: SyntaxFunction };

/** @internal */
export interface SyntaxWorld {
  readonly name: string;
  readonly at: number;
  readonly uses: readonly SyntaxUse[];
  readonly types: readonly SyntaxTypeDefinition[];
  readonly imports: readonly SyntaxExtern[];
  readonly exports: readonly SyntaxExtern[];
  readonly includes: readonly {
    readonly from: SyntaxPath;
    readonly names: readonly { readonly name: string; readonly as: string }[];
  }[];
}

/** @internal */
export interface SyntaxPackage {
  /** `ns:name`; `null` for a file that does not say. */
  readonly name: string | null;
  readonly version: string | null;
  readonly at: number;
  readonly interfaces: readonly SyntaxInterface[];
  readonly worlds: readonly SyntaxWorld[];
  /** `use path as name;` outside of interfaces. */
  readonly aliases: readonly { readonly path: SyntaxPath; readonly as: string }[];
  readonly nested: readonly SyntaxPackage[];
}
