/** An instance's exports, as far as these tests use them. */
export type GuestFunction = (...args: readonly unknown[]) => unknown;

interface V8WebAssembly {
  validate(bytes: Uint8Array): boolean;
  compile(bytes: Uint8Array): Promise<object>;
  readonly Module: { imports(module: object): readonly { readonly module: string; readonly name: string }[] };
  instantiate(module: object, imports?: object): Promise<{ readonly exports: object }>;
}

/** The global of the same name: TypeScript declares it with the browser's types only, which do not belong here. */
export const v8Wasm: V8WebAssembly = (globalThis as unknown as { WebAssembly: V8WebAssembly }).WebAssembly;
