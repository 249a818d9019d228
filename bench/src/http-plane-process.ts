// HotSwap as the HTTP benches measure it: a runtime, a slot, a listener, and as many versions as paths are given. Their
// version is their place in the list. Messages: `swap` begins or ends replacing the served version, each time with a
// load from the cache, a drain and an unload; `stats` answers the plane's counters.
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import process from 'node:process';
import type { LoadedModule, ModuleRuntime } from '@hotswap/core';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { cacheFolder } from './cache-folder.ts';
import { stayHalfBusy } from './half-busy.ts';
import type { PlaneSettings, SwapReport } from './plane-settings.ts';

const { paths, reusedFor, halfBusy = false } = JSON.parse(process.argv[2] ?? '{}') as PlaneSettings;
const runtime: Partial<ModuleRuntime> =
  reusedFor === 1 ? {} : { reuse: { maxInstances: 64, maxCalls: reusedFor, maxIdleTime: 'PT1M' } };

const binaries = await Promise.all(paths.map((path) => readFile(path)));
const host = await wasmtime({ cacheDirectory: cacheFolder('bench-compiled') });
if (host.createHttpPlane === undefined) throw new RangeError('this runtime has no HTTP plane');
const slots = host.createSlotTable();
const plane = await host.createHttpPlane({ slots });
const listener = await plane.listen({});

let current: LoadedModule | undefined;

/** Serves another version: load from the cache, set, drain the old one, unload it. */
async function swapTo(version: number): Promise<{ readonly tookUs: number; readonly answeredBy: string | undefined }> {
  const next = await host.load({ bytes: binaries[version] ?? new Uint8Array() }, { runtime });
  const before = current;
  const since = performance.now();
  slots.set('hello', { versions: new Map([[String(version), { module: next, weight: 1 }]]) });
  const tookUs = (performance.now() - since) * 1_000;
  current = next;
  if (before === undefined) return { tookUs, answeredBy: undefined };
  const answer = askForVersion();
  await slots.drain(before, 5_000);
  await before[Symbol.asyncDispose]();
  return { tookUs, answeredBy: await answer };
}

/** The version that answers a request sent now. */
function askForVersion(): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: listener.port }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.headers['x-hotswap-version'] as string | undefined));
    });
    sent.on('error', reject).end();
  });
}

async function swapUntil(ended: () => boolean, everyMs: number): Promise<SwapReport> {
  const swapsUs: number[] = [];
  let stale = 0;
  const startedMs = performance.now();
  for (let n = 1; ; n++) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, startedMs + n * everyMs - performance.now())));
    if (ended()) return { swapsUs, stale };
    const version = n % binaries.length;
    const { tookUs, answeredBy } = await swapTo(version);
    swapsUs.push(tookUs);
    if (answeredBy !== String(version)) stale += 1;
  }
}

let end: (() => void) | undefined;
let swapping: Promise<SwapReport> | undefined;

process.on(
  'message',
  async (message: { readonly swapEveryMs?: number; readonly stop?: true; readonly stats?: true }) => {
    if (message.swapEveryMs !== undefined) {
      let ended = false;
      end = () => {
        ended = true;
      };
      swapping = swapUntil(() => ended, message.swapEveryMs);
      process.send?.({ swapping: true });
    } else if (message.stop === true) {
      end?.();
      process.send?.(await swapping);
    } else if (message.stats === true) {
      process.send?.(plane.stats());
    }
  },
);

await swapTo(0);
listener.setRoutes([
  { slot: 'hello', hosts: [], pathPrefix: '/', stripPrefix: false, access: 'public', affinity: null },
]);
if (halfBusy) stayHalfBusy();
console.log(`port ${listener.port}`);
