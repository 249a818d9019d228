import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { LoadedModule, RuntimeHost } from '@hotswap/core';
import { type ChildRuntimeOptions, type EngineLaunch, childRuntimeHost } from '@hotswap/runtime-child';

const program = fileURLToPath(new URL('./fixtures/fake-engine.ts', import.meta.url));
const flags = ['--conditions=@hotswap/source', '--disable-warning=ExperimentalWarning'];

/** A host over the fake engine in that mode. */
export async function fakeHost(
  options: ChildRuntimeOptions = {},
  mode = 'well',
  more: Partial<EngineLaunch> = {},
): Promise<RuntimeHost> {
  return await childRuntimeHost(
    { engine: 'fake', command: [process.execPath, ...flags, program, mode], ...more },
    options,
  );
}

/** Any bytes do: the fake engine reads the first one only. */
export const anyModule = (host: RuntimeHost, first = 1): Promise<LoadedModule> =>
  host.load({ bytes: new Uint8Array([first, 2, 3, 4]) });

/** The process that answers a call. */
export const pidOf = async (module: LoadedModule): Promise<unknown> => (await module.invoke('pid', [])).value;
