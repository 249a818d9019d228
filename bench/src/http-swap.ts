import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import type { BenchContext, BenchResult } from './bench.ts';
import { atMost } from './bench.ts';
import { type LoadReport, httpLoad } from './http-load.ts';
import { ours } from './http-peers.ts';
import { loadGenerator } from './native-tools.ts';
import { median, percentile } from './percentile.ts';
import type { SwapReport } from './plane-settings.ts';
import type { ServerProcess } from './server-process.ts';

const swapEveryMs = 100;
const perBlock = 100_000;

interface Blocks {
  readonly calm: readonly LoadReport[];
  readonly swapped: readonly LoadReport[];
  readonly swaps: readonly SwapReport[];
}

async function runBlocks(
  server: ServerProcess,
  loadgen: string,
  bodies: readonly string[],
  blocks: number,
): Promise<Blocks> {
  const load = (): Promise<LoadReport> =>
    httpLoad(loadgen, { port: server.port, bodies, seconds: 600, requests: perBlock, warmupSeconds: 0.2 });
  const [calm, swapped]: [LoadReport[], LoadReport[]] = [[], []];
  const swaps: SwapReport[] = [];
  for (let block = 0; block < blocks; block++) {
    calm.push(await load());
    await server.ask({ swapEveryMs });
    swapped.push(await load());
    swaps.push(await server.ask<SwapReport>({ stop: true }));
  }
  return { calm, swapped, swaps };
}

/**
 * Two releases that take turns each 100 ms under all the load that 64 connections make, each swap with a load from the
 * cache, a drain and an unload; blocks without swaps alternate with blocks with them.
 */
export async function httpSwap({ full, say }: BenchContext): Promise<BenchResult> {
  const loadgen = await loadGenerator(say);
  await buildExampleModules();
  const releases = ['1.0.0', '1.1.0'].map((version) => exampleModule('http-hello', version).path);
  const bodies = ['Hello from http-hello 1.0.0\n', 'Good to see you from http-hello 1.1.0\n'];
  const blocks = full ? 10 : 2;
  say(
    `HTTP: ${blocks} blocks of ${perBlock.toLocaleString('en')} requests without swaps, each followed by one with a swap each ${swapEveryMs} ms`,
  );
  await using server = await ours(releases, 'fresh').start();
  await httpLoad(loadgen, { port: server.port, bodies, seconds: 1 });
  return resultOf(await runBlocks(server, loadgen, bodies, blocks));
}

function resultOf({ calm, swapped, swaps }: Blocks): BenchResult {
  const all = [...calm, ...swapped];
  const sum = (of: readonly number[]): number => of.reduce((total, one) => total + one, 0);
  const swapsUs = Float64Array.from(swaps.flatMap((report) => report.swapsUs));
  const stale = sum(swaps.map((report) => report.stale));
  const failed = sum(all.map((report) => report.failed));
  // Neighbouring blocks meet the same machine; the median pair leaves out what else ran on it.
  const difference = median(swapped.map(({ p99Ms }, block) => p99Ms - (calm[block]?.p99Ms ?? 0)));
  return {
    figures: {
      httpRequests: sum(swapped.map(({ requests }) => requests)),
      httpSwaps: swapsUs.length,
      httpFailed: failed,
      httpStale: stale,
      httpCalmPerSecond: median(calm.map(({ perSecond }) => perSecond)),
      httpSwapPerSecond: median(swapped.map(({ perSecond }) => perSecond)),
      httpCalmP99Ms: median(calm.map(({ p99Ms }) => p99Ms)),
      httpSwapP99Ms: median(swapped.map(({ p99Ms }) => p99Ms)),
      httpSwapMaxMs: Math.max(...swapped.map(({ maxMs }) => maxMs)),
      httpSetP50Us: percentile(swapsUs, 0.5),
    },
    ratios: {},
    targets: [
      atMost('HTTP: failed requests', failed, 0),
      atMost('HTTP: requests sent after a swap that met the replaced version', stale, 0),
      atMost('HTTP: p99 with swaps less p99 without, median of blocks, ms', difference, 2),
    ],
  };
}
