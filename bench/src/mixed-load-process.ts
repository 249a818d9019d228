// Loads a mix of modules into a process of its own, so that its memory is theirs, and prints what it took as JSON.
import { hash } from 'node:crypto';
import process from 'node:process';
import type { LoadedModule } from '@hotswap/core';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { mixedModules } from './mixed-modules.ts';
import type { MixedLoad, MixedSettings } from './mixed-load.ts';
import { processMemory } from './process-memory.ts';

const { cacheDirectory, count, components, initialisations, inFlight } = JSON.parse(
  process.argv[2] ?? '{}',
) as MixedSettings;

const host = await wasmtime({ cacheDirectory });
const mix = await mixedModules(count, components);
const passes = 3;
const loads: { readonly core: number[]; readonly component: number[] }[] = [];

async function isWell(module: LoadedModule, at: number): Promise<boolean> {
  const { name, answer } = mix[at]?.health ?? { name: '', answer: undefined };
  return (await module.invoke(name, [])).value === answer;
}

async function load(at: number, pass: number): Promise<LoadedModule> {
  const bytes = mix[at]?.bytes() ?? new Uint8Array();
  const digest = hash('sha256', bytes, 'hex');
  const since = performance.now();
  const module = await host.load({ bytes, digest });
  loads[pass]?.[mix[at]?.kind ?? 'core'].push(performance.now() - since);
  return module;
}

const before = await processMemory();
async function loadAll(pass: number): Promise<LoadedModule[]> {
  loads[pass] = { core: [], component: [] };
  const loaded: LoadedModule[] = [];
  for (let at = 0; at < count; at++) loaded.push(await load(at, pass));
  return loaded;
}

async function unload(loaded: readonly LoadedModule[]): Promise<void> {
  for (const module of loaded) await module[Symbol.asyncDispose]();
}

const modules = await loadAll(0);
const firstCallUs: number[] = [];
let failed = 0;
for (const [at, module] of modules.entries()) {
  const since = performance.now();
  if (!(await isWell(module, at))) failed += 1;
  firstCallUs.push((performance.now() - since) * 1_000);
}
const after = await processMemory();
await unload(modules);
for (let pass = 1; pass < passes; pass++) await unload(await loadAll(pass));

/** How many of the modules are initialised in turns; their bytes are made once. */
const inTurns = Math.min(count, 200);

/** From the cache to the first answer and away again, several at a time. */
async function initialise(total: number): Promise<number> {
  const binaries = mix.slice(0, inTurns).map((module) => module.bytes().slice());
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
  loads,
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
