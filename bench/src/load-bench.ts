import { hash } from 'node:crypto';
import process from 'node:process';
import { type LoadedModule, type RuntimeHost, sha256Hex } from '@hotswap/core';
import { buildExampleModules } from '@hotswap/example-modules';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { type Bench, type BenchContext, type BenchResult, atMost } from './bench.ts';
import { bareDeserializeMs } from './bare-deserialize.ts';
import { cacheFolder } from './cache-folder.ts';
import { guestModule } from './guest-module.ts';
import { type MixedLoad, mixedLoad } from './mixed-load.ts';
import { mixedModules } from './mixed-modules.ts';
import { median, percentile } from './percentile.ts';
import { processMemory } from './process-memory.ts';
import { scratchFolder } from './scratch-folder.ts';

/** Up to 100 kB, as the target has it; a filler function is about 110 bytes. */
const fillerFunctions = [0, 50, 200, 500, 780];
const smallModules = 10_000;
const mixed = 1_000;

interface Guest {
  readonly bytes: Uint8Array;
  readonly digest: string;
}

async function guest(fillers: number, offset: number): Promise<Guest> {
  const bytes = guestModule({ offset, fillerFunctions: fillers });
  return { bytes, digest: await sha256Hex(bytes as Uint8Array<ArrayBuffer>) };
}

/** Loads each guest again and again: compiled once before, so that each load verifies and maps. */
async function reloadMs(host: RuntimeHost, guests: readonly Guest[], rounds: number): Promise<Float64Array> {
  const samples = [];
  for (let round = 0; round < rounds; round++) {
    for (const { bytes, digest } of guests) {
      const since = performance.now();
      const module = await host.load({ bytes, digest });
      samples.push(performance.now() - since);
      await module[Symbol.asyncDispose]();
    }
  }
  return Float64Array.from(samples);
}

/** All at once in memory: what a node with thousands of tenants holds. */
async function loadMany(
  cacheDirectory: string,
  count: number,
): Promise<{ seconds: number; residentBytes: number; mappings: number; firstCallP99Us: number }> {
  await using host = await wasmtime({ cacheDirectory });
  const before = await processMemory();
  const since = performance.now();
  const modules: LoadedModule[] = [];
  for (let from = 0; from < count; from += 64) {
    const batch = Array.from({ length: Math.min(64, count - from) }, (_, i) =>
      host.load({ bytes: guestModule({ offset: from + i }) }),
    );
    modules.push(...(await Promise.all(batch)));
  }
  const seconds = (performance.now() - since) / 1_000;
  const after = await processMemory();
  const firstCalls = modules.map((module, offset) => {
    const called = performance.now();
    const sum = module.invokeSync?.('add', [1, 2]);
    const tookUs = (performance.now() - called) * 1_000;
    return sum === 3 + offset ? tookUs : Infinity;
  });
  return {
    seconds,
    residentBytes: after.residentBytes - before.residentBytes,
    mappings: after.mappings - before.mappings,
    firstCallP99Us: percentile(Float64Array.from(firstCalls), 0.99),
  };
}

/** A node with a thousand tenants: loaded once to have them compiled, then again to be measured. */
async function loadMixed({ full, say }: BenchContext): Promise<{ mix: MixedLoad; bareMs: Float64Array }> {
  await buildExampleModules();
  const settings = {
    cacheDirectory: cacheFolder('bench-compiled'),
    count: mixed,
    components: full ? 300 : 100,
    inFlight: 4,
  };
  say(
    `${mixed.toLocaleString('en')} modules, ${settings.components} of them components of 1 MB: compiling takes minutes at first ...`,
  );
  await mixedLoad({ ...settings, initialisations: 0 });
  const initialisations = full ? 100_000 : 10_000;
  say(`loading them from the cache, then ${initialisations.toLocaleString('en')} initialisations ...`);
  const mix = await mixedLoad({ ...settings, initialisations });
  const modules = await mixedModules(mixed, settings.components);
  const digests = modules.map((module) => hash('sha256', module.bytes(), 'hex'));
  return { mix, bareMs: await bareDeserializeMs(settings.cacheDirectory, digests, 3) };
}

function mixedFigures({ mix, bareMs }: { mix: MixedLoad; bareMs: Float64Array }, initialisations: number): BenchResult {
  // Of several passes the median one: what else the machine did in a moment belongs to none of them.
  const over = (pick: (pass: MixedLoad['loads'][number]) => readonly number[], share: number): number =>
    median(mix.loads.map((pass) => percentile(Float64Array.from(pick(pass)), share)));
  const all = (share: number): number => over(({ core, component }) => [...core, ...component], share);
  const core = (share: number): number => over((pass) => pass.core, share);
  const gibibytes = mix.residentBytes / 1_073_741_824;
  return {
    figures: {
      mixedModules: mixed,
      mixedComponents: mix.loads[0]?.component.length ?? 0,
      mixedResidentBytes: mix.residentBytes,
      mixedAddedBytes: mix.addedBytes,
      mixedMappings: mix.mappings,
      mixedLoadP50Ms: all(0.5),
      mixedLoadP99Ms: all(0.99),
      mixedCoreLoadP99Ms: core(0.99),
      mixedComponentLoadP99Ms: over((pass) => pass.component, 0.99),
      mixedBareP50Ms: percentile(bareMs, 0.5),
      mixedBareP99Ms: percentile(bareMs, 0.99),
      mixedFirstCallP99Us: percentile(Float64Array.from(mix.firstCallUs), 0.99),
      initialisations,
      initialisationsPerSecond: initialisations / mix.initialisationsSeconds,
    },
    ratios: {},
    targets: [
      atMost('resident memory with 1,000 mixed modules, GiB', gibibytes, 4),
      atMost('load of a mixed module with verification p99, ms', all(0.99), 3),
      atMost('load of a small module among them p99, ms', core(0.99), 1),
      atMost('modules of them that do not answer', mix.failed, 0),
      atMost(`initialisations that fail, of ${initialisations.toLocaleString('en')}`, mix.initialisationsFailed, 0),
    ],
  };
}

async function run({ full, say }: BenchContext): Promise<BenchResult> {
  await using folder = await scratchFolder();
  await using host = await wasmtime({ cacheDirectory: folder.path });
  const guests = await Promise.all(fillerFunctions.map((fillers, i) => guest(fillers, 1_000_000 + i)));
  say(
    `modules of ${guests.map(({ bytes }) => `${Math.round(bytes.length / 102.4) / 10} kB`).join(', ')}: compiling once`,
  );
  const firstMs = await reloadMs(host, guests, 1);
  const rounds = full ? 2_000 : 400;
  await reloadMs(host, guests, 20);
  say(`${rounds * guests.length} loads from the cache ...`);
  const cachedMs = await reloadMs(host, guests, rounds);
  const bareMs = await bareDeserializeMs(
    folder.path,
    guests.map(({ digest }) => digest),
    rounds,
  );

  // Each loaded module keeps its file open: more would reach the usual bound of open files.
  const count = smallModules;
  say(`${count.toLocaleString('en')} small modules in one process ...`);
  const many = await loadMany(folder.path, count);
  const thousand = mixedFigures(await loadMixed({ full, say }), full ? 100_000 : 10_000);
  const p50 = percentile(cachedMs, 0.5);
  const p99 = percentile(cachedMs, 0.99);
  return {
    figures: {
      largestModuleBytes: Math.max(...guests.map(({ bytes }) => bytes.length)),
      compileMaxMs: percentile(firstMs, 1),
      cachedP50Ms: p50,
      cachedP99Ms: p99,
      bareDeserializeP50Ms: percentile(bareMs, 0.5),
      bareDeserializeP99Ms: percentile(bareMs, 0.99),
      manyModules: count,
      manySeconds: many.seconds,
      manyResidentBytes: many.residentBytes,
      manyResidentBytesEach: many.residentBytes / count,
      manyMappings: many.mappings,
      manyFirstCallP99Us: many.firstCallP99Us,
      processResidentBytes: process.memoryUsage.rss(),
      ...thousand.figures,
    },
    ratios: { cachedToBareDeserializeP50: percentile(bareMs, 0.5) / p50 },
    targets: [atMost('load from the cache p99, ms', p99, 1), ...thousand.targets],
  };
}

export const loadBench: Bench = {
  name: 'load',
  summary: 'loading compiled modules from the cache, many at once, and initialisations that fail',
  run,
};
