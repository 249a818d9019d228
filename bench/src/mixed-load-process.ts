// Loads a mix of modules into a process of its own, so that its memory is theirs, and prints what it took as JSON.
import process from 'node:process';
import { type LoadedModule, sha256Hex } from '@hotswap/core';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { mixedModules } from './mixed-modules.ts';
import type { MixedLoad, MixedSettings } from './mixed-load.ts';
import { processMemory } from './process-memory.ts';

const { cacheDirectory, count, components, initialisations, inFlight } = JSON.parse(
  process.argv[2] ?? '{}',
) as MixedSettings;

const host = await wasmtime({ cacheDirectory });
const mix = await mixedModules(count, components);
const loadMs: Record<'core' | 'component', number[]> = { core: [], component: [] };

async function isWell(module: LoadedModule, at: number): Promise<boolean> {
  const { name, answer } = mix[at]?.health ?? { name: '', answer: undefined };
  return (await module.invoke(name, [])).value === answer;
}

async function load(at: number): Promise<LoadedModule> {
  const bytes = mix[at]?.bytes() ?? new Uint8Array();
  const digest = await sha256Hex(bytes);
  const since = performance.now();
  const module = await host.load({ bytes, digest });
  loadMs[mix[at]?.kind ?? 'core'].push(performance.now() - since);
  return module;
}

const before = await processMemory();
const modules: LoadedModule[] = [];
for (let at = 0; at < count; at++) modules.push(await load(at));
const firstCallUs: number[] = [];
let failed = 0;
for (const [at, module] of modules.entries()) {
  const since = performance.now();
  if (!(await isWell(module, at))) failed += 1;
  firstCallUs.push((performance.now() - since) * 1_000);
}
const after = await processMemory();
for (const module of modules) await module[Symbol.asyncDispose]();

/** How many of the modules are initialised in turns; their bytes are made once. */
const inTurns = Math.min(count, 200);

/** From the cache to the first answer and away again, several at a time. */
async function initialise(total: number): Promise<number> {
  const binaries = mix.slice(0, inTurns).map((module) => module.bytes());
  let next = 0;
  let lost = 0;
  const worker = async (): Promise<void> => {
    while (next < total) {
      const at = next++ % inTurns;
      try {
        const module = await host.load({ bytes: binaries[at] ?? new Uint8Array() });
        if (!(await isWell(module, at))) lost += 1;
        await module[Symbol.asyncDispose]();
      } catch {
        lost += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return lost;
}

const since = performance.now();
const initialisationsFailed = await initialise(initialisations);
const report: MixedLoad = {
  loadMs,
  firstCallUs,
  failed,
  residentBytes: after.residentBytes,
  addedBytes: after.residentBytes - before.residentBytes,
  mappings: after.mappings,
  initialisationsFailed,
  initialisationsSeconds: (performance.now() - since) / 1_000,
};
await host[Symbol.asyncDispose]();
process.stdout.write(`${JSON.stringify(report)}\n`);
