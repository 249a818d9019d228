import type { LoadedModule, RuntimeHost, SlotTable } from '@hotswap/core';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { type Bench, type BenchContext, type BenchResult, atLeast, atMost } from './bench.ts';
import { guestModule } from './guest-module.ts';
import { httpSwap } from './http-swap.ts';
import { median, percentile } from './percentile.ts';
import { scratchFolder } from './scratch-folder.ts';

/** Open loop: requests start on time whether or not earlier ones have ended, so that a stall shows in every one it delays. */
const requestsPerSecond = 10_000;
const swapEveryMs = 100;
const versions = 10;
/** A second of load, so that calm and swapping blocks alternate quickly. */
const perBlock = 10_000;

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

async function load(target: Target, requests: number, say: BenchContext['say']): Promise<Load> {
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
    } catch (error) {
      failed += 1;
      say(`failed: ${String(error)}`);
    }
    latenciesMs[at] = performance.now() - dueMs;
  };
  const startedMs = performance.now();
  for (let sent = 0; sent < requests;) {
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

/** Calls from JavaScript: an open loop at a fixed rate. */
async function callSwap({ full, say }: BenchContext): Promise<BenchResult> {
  await using folder = await scratchFolder();
  await using host = await wasmtime({
    cacheDirectory: folder.path,
    maxPendingCallsPerModule: 100_000,
    maxPendingCalls: 100_000,
  });
  // No request is refused for the queue: what a stall delays shall show as delay.
  const target: Target = { slots: host.createSlotTable(), current: 0 };
  const swapper = new Swapper(host, target);
  for (let version = 0; version < versions; version++) await swapper.swapTo(version);
  await load(target, 20_000, say);
  swapper.swapsUs.length = 0;

  const blocks = full ? 100 : 10;
  say(
    `${blocks} blocks of ${perBlock.toLocaleString('en')} requests without swaps, each followed by one with a swap each ${swapEveryMs} ms`,
  );
  const calm: Load[] = [];
  const swapped: Load[] = [];
  for (let block = 0; block < blocks; block++) {
    calm.push(await load(target, perBlock, say));
    let ended = false;
    const swapping = swapper.run(() => ended);
    swapped.push(await load(target, perBlock, say));
    ended = true;
    await swapping;
  }
  return result(calm, swapped, swapper.swapsUs);
}

function result(calm: readonly Load[], swapped: readonly Load[], swapsUs: readonly number[]): BenchResult {
  const latencies = (loads: readonly Load[]): Float64Array =>
    Float64Array.from(loads.flatMap(({ latenciesMs }) => [...latenciesMs]));
  const p99s = (loads: readonly Load[]): number[] => loads.map(({ latenciesMs }) => percentile(latenciesMs, 0.99));
  const all = [...calm, ...swapped];
  const failed = all.reduce((total, one) => total + one.failed, 0);
  const stale = swapped.reduce((total, one) => total + one.stale, 0);
  const [calmMs, swapMs] = [latencies(calm), latencies(swapped)];
  const [calmP99s, swapP99s] = [p99s(calm), p99s(swapped)];
  // Neighbouring blocks meet the same machine; the median pair leaves out what else ran on it.
  const difference = median(swapP99s.map((ms, block) => ms - (calmP99s[block] ?? 0)));
  const perSecond = Math.min(...all.map((one) => one.perSecond));
  return {
    figures: {
      requests: swapMs.length,
      swaps: swapsUs.length,
      failed,
      stale,
      requestsPerSecond: perSecond,
      calmP50Ms: percentile(calmMs, 0.5),
      calmP99Ms: percentile(calmMs, 0.99),
      calmBlockP99Ms: median(calmP99s),
      swapP50Ms: percentile(swapMs, 0.5),
      swapP99Ms: percentile(swapMs, 0.99),
      swapBlockP99Ms: median(swapP99s),
      setP50Us: percentile(Float64Array.from(swapsUs), 0.5),
      setMaxUs: percentile(Float64Array.from(swapsUs), 1),
    },
    ratios: { calmToSwapBlockP99: median(calmP99s) / median(swapP99s) },
    targets: [
      atMost('failed requests', failed, 0),
      atMost('requests that met a replaced version', stale, 0),
      atMost('p99 with swaps less p99 without, median of blocks, ms', difference, 2),
      atLeast('requests per second (below, the run is void)', perSecond, 5_000),
      atLeast('requests while swapping', swapMs.length, 100_000),
    ],
  };
}

async function run(context: BenchContext): Promise<BenchResult> {
  const [calls, http] = [await callSwap(context), await httpSwap(context)];
  return {
    figures: { ...calls.figures, ...http.figures },
    ratios: { ...calls.ratios, ...http.ratios },
    targets: [...calls.targets, ...http.targets],
  };
}

export const swapBench: Bench = {
  name: 'swap',
  summary: 'replacing the served version each 100 ms: under 10,000 calls a second, and under full HTTP load',
  run,
};
