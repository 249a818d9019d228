import { readFile } from 'node:fs/promises';
import { type LoadedModule, type RuntimeHost, type WitValue, isHotSwapError } from '@hotswap/core';
import type { HostileModule } from '@hotswap/example-modules';

const limits = { maxMemoryMB: 32, maxExecutionTime: 'PT0.4S' } as const;

/** What an engine in a child may say in place of what an engine in this process says. */
const alsoFine: readonly string[] = [
  // WebAssembly 2.0 and core modules only.
  'HS_RUNTIME_UNSUPPORTED',
  // The child's memory limit, or its stack: the child is what is lost.
  'HS_RUNTIME_CRASHED',
  'HS_RUNTIME_TIMEOUT',
];

async function meet(host: RuntimeHost, { path, kind, function: name, args = [] }: HostileModule): Promise<string> {
  let module: LoadedModule | undefined;
  try {
    module = await host.load({ bytes: await readFile(path) }, { limits });
    if (kind === 'wasi-command') return `exit ${(await module.run()).exitCode}`;
    await module.invoke(name ?? 'run', args as readonly WitValue[]);
    return 'answer';
  } catch (error) {
    if (isHotSwapError(error)) return error.code;
    throw error;
  } finally {
    await module?.[Symbol.asyncDispose]();
  }
}

/** Meets a hostile module. @returns what came of it when that is not what should come; otherwise undefined */
export async function unexpected(host: RuntimeHost, hostile: HostileModule): Promise<string | undefined> {
  const { expected } = hostile;
  const got = await meet(host, hostile);
  const wanted =
    expected.outcome === 'error'
      ? expected.codes
      : [expected.outcome === 'exit' ? `exit ${String(expected.exitCode)}` : 'answer'];
  return wanted.includes(got) || alsoFine.includes(got) ? undefined : `${hostile.id}: ${got}`;
}
