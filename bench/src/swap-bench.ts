import type { LoadedModule, RuntimeHost, SlotTable } from '@hotswap/core';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { type Bench, type BenchContext, type BenchResult, atLeast, atMost } from './bench.ts';
import { guestModule } from './guest-module.ts';
import { percentile } from './percentile.ts';
import { scratchFolder } from './scratch-folder.ts';

/** Open loop: requests start on time whether or not earlier ones have ended, so that a stall shows in every one it delays. */
const requestsPerSecond = 10_000;
const swapEveryMs = 100;
const versions = 10;

interface Load {
  readonly latenciesMs: Float64Array;
  readonly failed: number;
  readonly stale: number;
  readonly perSecond: number;
}

/** The slot as requests see it, and the version that a request admitted now must get. */
interface Target {
  readonly slots: SlotTable;
  current: number;
}

async function load(target: Target, requests: number): Promise<Load> {
  const latenciesMs = new Float64Array(requests);
  let failed = 0;
  let stale = 0;
  const pending = new Set<Promise<void>>();
  const send = async (at: number, dueMs: number): Promise<void> => {
    const expected = target.current;
    try {
      const { version, result } = await target.slots.invoke('adder', 'add', [at, 1]);
      if (result.value !== at + 1 + Number(version)) failed += 1;
      if (Number(version) !== expected) stale += 1;
    } catch {
      failed += 1;
    }
    latenciesMs[at] = performance.now() - dueMs;
  };
  const startedMs = performance.now();
  for (let sent = 0; sent < requests; ) {
    const due = Math.min(requests, Math.floor(((performance.now() - startedMs) / 1_000) * requestsPerSecond));
    for (; sent < due; sent++) {
      const request = send(sent, startedMs + (sent / requestsPerSecond) * 1_000).finally(() => pending.delete(request));
      pending.add(request);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(pending);
  return { latenciesMs, failed, stale, perSecond: requests / ((performance.now() - startedMs) / 1_000) };
}

/** Replaces the slot's version again and again: load from the cache, set, drain the old one, unload it. */
class Swapper {
  readonly swapsUs: number[] = [];
  readonly #host: RuntimeHost;
  readonly #target: Target;
  #module: LoadedModule | undefined;

  constructor(host: RuntimeHost, target: Target) {
    this.#host = host;
    this.#target = target;
  }

  async swapTo(version: number): Promise<void> {
    const next = await this.#host.load({ bytes: guestModule({ offset: version }) });
    const before = this.#module;
    const sinceMs = performance.now();
    this.#target.slots.set('adder', { versions: new Map([[String(version), { module: next, weight: 1 }]]) });
    this.swapsUs.push((performance.now() - sinceMs) * 1_000);
    this.#target.current = version;
    this.#module = next;
    if (before === undefined) return;
    await this.#target.slots.drain(before, 5_000);
    await before[Symbol.asyncDispose]();
  }

  /** Swaps on time until `done`. */
  async run(done: () => boolean): Promise<void> {
    const startedMs = performance.now();
    for (let n = 1; !done(); n++) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, startedMs + n * swapEveryMs - performance.now())));
      if (!done()) await this.swapTo((this.#target.current + 1) % versions);
    }
  }
}

async function run({ full, say }: BenchContext): Promise<BenchResult> {
  await using folder = await scratchFolder();
  await using host = await wasmtime({ cacheDirectory: folder.path });
  const target: Target = { slots: host.createSlotTable(), current: 0 };
  const swapper = new Swapper(host, target);
  for (let version = 0; version < versions; version++) await swapper.swapTo(version);
  await load(target, 20_000);
  swapper.swapsUs.length = 0;

  const blocks = full ? 10 : 2;
  const perBlock = 50_000;
  const calm: Load[] = [];
  const swapped: Load[] = [];
  for (let block = 0; block < blocks; block++) {
    say(`block ${block + 1} of ${blocks}: ${perBlock.toLocaleString('en')} requests without swaps, then with one each ${swapEveryMs} ms`);
    calm.push(await load(target, perBlock));
    let ended = false;
    const swapping = swapper.run(() => ended);
    swapped.push(await load(target, perBlock));
    ended = true;
    await swapping;
  }
  return result(calm, swapped, swapper.swapsUs);
}

function result(calm: readonly Load[], swapped: readonly Load[], swapsUs: readonly number[]): BenchResult {
  const latencies = (loads: readonly Load[]): Float64Array => Float64Array.from(loads.flatMap(({ latenciesMs }) => [...latenciesMs]));
  const sum = (loads: readonly Load[], of: 'failed' | 'stale'): number => loads.reduce((total, one) => total + one[of], 0);
  const calmMs = latencies(calm);
  const swappedMs = latencies(swapped);
  const calmP99Ms = percentile(calmMs, 0.99);
  const swapP99Ms = percentile(swappedMs, 0.99);
  const perSecond = Math.min(...[...calm, ...swapped].map((one) => one.perSecond));
  const failed = sum(swapped, 'failed') + sum(calm, 'failed');
  return {
    figures: {
      requests: swappedMs.length, swaps: swapsUs.length, failed, stale: sum(swapped, 'stale'), requestsPerSecond: perSecond,
      calmP50Ms: percentile(calmMs, 0.5), calmP99Ms, swapP50Ms: percentile(swappedMs, 0.5), swapP99Ms,
      setP50Us: percentile(Float64Array.from(swapsUs), 0.5), setMaxUs: percentile(Float64Array.from(swapsUs), 1),
    },
    ratios: { calmToSwapP99: calmP99Ms / swapP99Ms },
    targets: [
      atMost('failed requests', failed, 0),
      atMost('requests that met a replaced version', sum(swapped, 'stale'), 0),
      atMost('p99 with swaps less p99 without, ms', swapP99Ms - calmP99Ms, 2),
      atLeast('requests per second (below, the run is void)', perSecond, 5_000),
      atLeast('requests while swapping', swappedMs.length, 100_000),
    ],
  };
}

export const swapBench: Bench = { name: 'swap', summary: 'replacing the served version each 100 ms under 10,000 requests a second', run };
