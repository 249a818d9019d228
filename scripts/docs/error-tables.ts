import { type ErrorCodeEntry, runtimeContractErrorCodes } from '@hotswap/core';
import { findFiles, importSource, readText } from './repository.ts';

/** The codes of one package. */
export interface ErrorTable {
  /** Name of the npm package. */
  readonly packageName: string;
  readonly file: string;
  readonly codes: Readonly<Record<string, ErrorCodeEntry>>;
}

/** One code of the native engine, as its Rust table declares it. */
export interface EngineCode {
  readonly name: string;
  readonly summary: string;
}

const engineTableFile = 'packages/runtime-wasmtime/native/engine/src/error.rs';
const engineMappingFile = 'packages/runtime-wasmtime/src/map-native-error.ts';
const bindingTypesFile = 'packages/runtime-wasmtime/binding.d.ts';

/**
 * Every `error-codes.ts`, with the tables that it exports (names ending in `ErrorCodes`). Codes that a package takes over
 * from the contract are listed once, where they are declared.
 */
export async function errorTables(): Promise<readonly ErrorTable[]> {
  const files = findFiles('packages/**/src/**/error-codes.ts');
  return Promise.all(
    files.map(async (file) => {
      const exports = await importSource<Record<string, unknown>>(file);
      const tables = Object.entries(exports).filter(([name]) => name.endsWith('ErrorCodes'));
      const { name } = JSON.parse(readText(`${file.slice(0, file.indexOf('/src/'))}/package.json`)) as { name: string };
      const codes = Object.assign({}, ...tables.map(([, table]) => table)) as ErrorTable['codes'];
      return {
        packageName: name,
        file,
        codes: name === '@hotswap/core' ? codes : ownCodes(codes),
      };
    }),
  );
}

const ownCodes = (codes: ErrorTable['codes']): ErrorTable['codes'] =>
  Object.fromEntries(Object.entries(codes).filter(([code]) => !Object.hasOwn(runtimeContractErrorCodes, code)));

/** The table of the Rust engine, in its order. */
export function engineCodes(): readonly EngineCode[] {
  const rows = readText(engineTableFile).matchAll(/^\s+\w+ = "([A-Z_]+)", "((?:[^"\\]|\\.)*)";$/gm);
  return [...rows].map(([, name = '', summary = '']) => ({ name, summary }));
}

/** What each code of the engine is called outside. */
export async function engineMapping(): Promise<Readonly<Record<string, string>>> {
  return (await importSource<{ codeOfNative: Readonly<Record<string, string>> }>(engineMappingFile)).codeOfNative;
}

/** The union `NativeErrorCode` of the binding's types. */
export function bindingCodes(): readonly string[] {
  const union = /export type NativeErrorCode =\n((?:\s+\| .*\n)+)/.exec(readText(bindingTypesFile))?.[1] ?? '';
  return [...union.matchAll(/^\s*\| '([A-Z_]+)'/gm)].map(([, name = '']) => name);
}
