import process from 'node:process';
import type { HotSwapError, RuntimeHost } from '@hotswap/core';
import { type ChildFailure, type ChildRuntimeOptions, childRuntimeHost, findExecutable } from '@hotswap/runtime-child';
import { wasmedgeError } from './error-codes.ts';

/** Versions whose interface the child was written against. */
const minimum = '0.14.1, or 0.17.1 and newer';

/** Of this process's environment, what finding a library needs. */
const passedOn = ['WASMEDGE_LIB', 'HOME', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH'];

/** Options of {@link wasmedge}. @public */
export interface WasmEdgeOptions extends ChildRuntimeOptions {
  /** The library's file. Default: `WASMEDGE_LIB`, then the system's search and the folders of the usual installers. */
  readonly library?: string;
}

/**
 * Starts a runtime host on WasmEdge, in child processes of this one: its fault handler would take those of V8 and Wasmtime
 * away. Core modules and WASI preview 1, interpreted.
 * @throws HS_RUNTIME_WASMEDGE_NOT_FOUND, HS_RUNTIME_CHILD_MISSING where the program was not built, HS_RUNTIME_CHILD_FAILED,
 * HS_RUNTIME_CHILD_INVALID_OPTIONS
 * @public
 */
export async function wasmedge({ library, ...options }: WasmEdgeOptions = {}): Promise<RuntimeHost> {
  const executable = await findExecutable({
    engine: 'wasmedge',
    program: 'hotswap-runtime-wasmedge',
    variable: 'HOTSWAP_WASMEDGE_EXECUTABLE',
    option: options.executable,
    packageFolder: new URL('../', import.meta.url),
  });
  const own = passedOn.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const environment = { ...Object.fromEntries(own), ...(library === undefined ? {} : { WASMEDGE_LIB: library }) };
  return await childRuntimeHost({ engine: 'wasmedge', command: [executable], environment, ownError }, options);
}

function ownError({ code, details }: ChildFailure): HotSwapError | undefined {
  if (code !== 'WASMEDGE_NOT_FOUND') return undefined;
  return wasmedgeError('HS_RUNTIME_WASMEDGE_NOT_FOUND', { ...details, minimum });
}
