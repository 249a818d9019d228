import { readFile } from 'node:fs/promises';
import type { LoadedModule, RuntimeHost } from '@hotswap/core';
import { exampleModule, hostileModule } from '@hotswap/example-modules';

export const loadAdder = async (host: RuntimeHost): Promise<LoadedModule> =>
  await host.load({ bytes: await readFile(exampleModule('adder').path) });
export const loadTraps = async (host: RuntimeHost): Promise<LoadedModule> =>
  await host.load({ bytes: await readFile(hostileModule('out-of-bounds').path) });
export const loadLoop = async (host: RuntimeHost): Promise<LoadedModule> =>
  await host.load(
    { bytes: await readFile(hostileModule('loop-in-export').path) },
    { limits: { maxExecutionTime: 'PT60S' } },
  );

/** The part of V8's WebAssembly that is used here; Node's types leave it to those of browsers. */
interface V8WebAssembly {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, () => number>> };
  readonly RuntimeError: new () => Error;
}

const v8 = (globalThis as unknown as { readonly WebAssembly: V8WebAssembly }).WebAssembly;

/** Exports `run`, which reads outside its memory, so that V8's own signal handler has to find the fault. */
const outOfBounds = new v8.Instance(
  new v8.Module(
    Uint8Array.from([
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 7, 1, 3, 0x72, 0x75,
      0x6e, 0, 0, 10, 9, 1, 7, 0, 0x41, 0x70, 0x28, 2, 0, 0x0b,
    ]),
  ),
).exports;

/** Whether V8 turned its fault into an error. */
export function v8Traps(): boolean {
  try {
    outOfBounds['run']?.();
    return false;
  } catch (error) {
    return error instanceof v8.RuntimeError;
  }
}

/** Whether ours became an error with its code. */
export function wasmtimeTraps(traps: LoadedModule): boolean {
  try {
    traps.invokeSync?.('out_of_bounds', []);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === 'HS_RUNTIME_TRAP';
  }
}
