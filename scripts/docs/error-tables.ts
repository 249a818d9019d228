import { STATUS_CODES } from 'node:http';
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
const planeProblemFile = 'packages/runtime-wasmtime/native/engine/src/http/problem.rs';
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

/** A code that the engine's HTTP listeners answer by themselves, with its status and what it says. */
export interface PlaneCode {
  readonly name: string;
  readonly status: string;
  readonly detail: string;
}

/** Codes of the HTTP listeners: those answers are made in Rust and cross into no other code. */
export function planeCodes(): readonly PlaneCode[] {
  const byName = new Map<string, PlaneCode>();
  for (const [text] of readText(planeProblemFile).matchAll(/pub\(crate\)(?: const)? fn [\s\S]*?\n {4}\}/g)) {
    const name = /"(HS_HTTP_\w+)"/.exec(text)?.[1];
    const status = statusOf(/StatusCode::([A-Z_]+)/.exec(text)?.[1] ?? '');
    const detail = /detail = (?:format!\()?"([^"]+)"/.exec(text)?.[1] ?? 'What is wrong with the request.';
    if (name !== undefined && !byName.has(name)) byName.set(name, { name, status, detail });
  }
  return [...byName.values()];
}

/** The number of a status as Rust spells it, `NOT_FOUND`. */
function statusOf(name: string): string {
  const spelled = (text: string): string => text.toUpperCase().replaceAll(/[ -]/g, '_');
  return Object.entries(STATUS_CODES).find(([, text]) => spelled(text ?? '') === name)?.[0] ?? '';
}

/** What each code of the engine is called outside. */
export async function engineMapping(): Promise<Readonly<Record<string, string>>> {
  return (await importSource<{ codeOfNative: Readonly<Record<string, string>> }>(engineMappingFile)).codeOfNative;
}

/** The union `NativeErrorCode` of the binding's types. */
export function bindingCodes(): readonly string[] {
  const union = /export type NativeErrorCode =\n((?:\s+(?:\||\/\/) .*\n)+)/.exec(readText(bindingTypesFile))?.[1] ?? '';
  return [...union.matchAll(/^\s*\| '([A-Z_]+)'/gm)].map(([, name = '']) => name);
}
