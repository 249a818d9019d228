// What the bench `contain` puts beside a neighbour: the hostile example modules, and what no module file can show.
import { readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LoadedModule, type RuntimeHost, type WitValue, isHotSwapError } from '@hotswap/core';
import { type HostileModule, compileBomb, hostileModule, hostileModules } from '@hotswap/example-modules';
import { guestModule } from './guest-module.ts';

/** One row of the table: what is met again and again, and what every meeting has to end in. */
export interface Poison {
  readonly name: string;
  readonly codes: readonly string[];
  meet(): Promise<unknown>;
}

const limits = { maxMemoryMB: 32, maxExecutionTime: 'PT0.25S' };

/** `answered`, or the code that a meeting failed with. */
export const endOf = async (meeting: Promise<unknown>): Promise<string> =>
  await meeting.then(
    () => 'answered',
    (error: unknown) => (isHotSwapError(error) ? error.code : String(error)),
  );

/** The rows F60 to F74 that are met through calls, loads and inspections. */
export async function* poisons(
  host: RuntimeHost,
  bounded: RuntimeHost,
  cacheDirectory: string,
): AsyncGenerator<Poison> {
  yield* controls(host);
  for (const module of hostileModules)
    if (module.row !== undefined) yield* poisonOf(host, module, `${module.row} ${module.id}`);
  const larger = paddedModule(50 * 1_048_576 + 1);
  yield { name: 'F66 one-byte-too-many', codes: ['HS_RUNTIME_MODULE_TOO_LARGE'], meet: () => host.inspect(larger) };
  const largest = paddedModule(50 * 1_048_576);
  yield { name: 'F66 largest-inspected', codes: ['answered'], meet: () => host.inspect(largest) };
  yield { name: 'F67 changed-code', codes: ['answered'], meet: () => loadChanged(host, cacheDirectory) };
  const bomb = compileBomb({ functions: 2_000, locals: 64 });
  yield {
    name: 'F72 compile-bomb',
    codes: ['HS_RUNTIME_COMPILE_LIMIT', 'answered'],
    meet: async () => await (await bounded.load({ bytes: bomb }))[Symbol.asyncDispose](),
  };
  await using slow = await host.load({ bytes: await readFile(hostileModule('loop-in-health-check').path) }, { limits });
  yield { name: 'F74 slow-health', codes: ['HS_RUNTIME_TIMEOUT'], meet: () => slow.invoke('health_check', []) };
  await using missing = await host.load({ bytes: await readFile(hostileModule('memory-copy').path) }, { limits });
  const unknown = ['HS_RUNTIME_UNKNOWN_EXPORT'];
  yield { name: 'F74 no-health', codes: unknown, meet: () => missing.invoke('no_such_check', []) };
}

/** Not poison at all, met as often: what the meetings themselves cost the thread that the neighbour's calls are made on. */
async function* controls(host: RuntimeHost): AsyncGenerator<Poison> {
  const bytes = guestModule({ offset: 1 });
  const codes = ['answered'];
  yield {
    name: 'control load',
    codes,
    meet: async () => await (await host.load({ bytes }, { limits }))[Symbol.asyncDispose](),
  };
  await using module = await host.load({ bytes }, { limits });
  yield { name: 'control call', codes, meet: () => module.invoke('add', [1, 2]) };
}

async function* poisonOf(host: RuntimeHost, poison: HostileModule, name: string): AsyncGenerator<Poison> {
  const { path, phase, function: exported = '', args = [], expected } = poison;
  const bytes = await readFile(path);
  const codes = expected.outcome === 'error' ? [...expected.codes, 'HS_RUNTIME_QUEUE_FULL'] : ['answered'];
  const load = async (): Promise<LoadedModule> => await host.load({ bytes }, { limits });
  const loadAndUnload = async (): Promise<void> => await (await load())[Symbol.asyncDispose]();
  if (phase === 'inspect') yield { name, codes, meet: () => host.inspect(bytes) };
  else if (phase === 'load' || (await endOf(loadAndUnload())) !== 'answered')
    yield { name, codes, meet: loadAndUnload };
  else {
    await using module = await load();
    const call = (): Promise<unknown> => (phase === 'run' ? module.run() : module.invoke(exported, args as WitValue[]));
    yield { name, codes, meet: call };
  }
}

/** Changes a byte of every compiled file, then loads a module whose compiled code is among them. */
async function loadChanged(host: RuntimeHost, cacheDirectory: string): Promise<void> {
  const folder = join(cacheDirectory, 'code');
  for (const name of (await readdir(folder)).filter((name) => name.endsWith('.cwasm'))) {
    const file = join(folder, name);
    const bytes = await readFile(file).catch(() => Buffer.alloc(0));
    if (bytes.length === 0) continue;
    const at = Math.floor(Math.random() * bytes.length);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
    const other = `${file}.${Math.random()}`;
    await writeFile(other, bytes, { mode: 0o400 });
    await rename(other, file);
  }
  const module = await host.load({ bytes: await readFile(hostileModule('memory-copy').path) });
  await module[Symbol.asyncDispose]();
}

/** A valid empty module of that many bytes: all but its head is one custom section. */
function paddedModule(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  const length = sizeBytes - 13;
  bytes.set([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0]);
  bytes.set([(length & 127) | 128, ((length >> 7) & 127) | 128, ((length >> 14) & 127) | 128, length >> 21], 9);
  return bytes;
}
