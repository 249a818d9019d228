import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type HotSwapError,
  type LoadOptions,
  type LoadedModule,
  type RuntimeHost,
  isHotSwapError,
} from '@hotswap/core';
import { exampleModule } from '@hotswap/example-modules';
import { type WasmtimeOptions, wasmtime } from '@hotswap/runtime-wasmtime';

/** A host with a cache of its own, both gone at the end of the scope. */
export interface TestHost extends AsyncDisposable {
  readonly host: RuntimeHost;
  readonly cacheDirectory: string;
  example(name: string, options?: LoadOptions): Promise<LoadedModule>;
}

export async function testHost(options: WasmtimeOptions = {}): Promise<TestHost> {
  const cacheDirectory = await mkdtemp(join(tmpdir(), 'hotswap-runtime-'));
  const host = await wasmtime({ cacheDirectory, ...options });
  return {
    host,
    cacheDirectory,
    example: async (name, loadOptions) =>
      await host.load({ bytes: await readFile(exampleModule(name).path) }, loadOptions),
    [Symbol.asyncDispose]: async () => {
      await host[Symbol.asyncDispose]();
      await rm(cacheDirectory, { recursive: true, force: true });
    },
  };
}

/** The error that a promise ends in. Anything else is returned as it is, so that the assertion shows it. */
export async function failureOf(promise: Promise<unknown>): Promise<HotSwapError> {
  try {
    return { code: 'none', value: await promise } as unknown as HotSwapError;
  } catch (error) {
    if (isHotSwapError(error)) return error;
    throw error;
  }
}
