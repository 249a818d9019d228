// The other side of `neighbour.ts`: what calls at a steady rate, on a thread that nothing else uses.
import { Agent, request } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { guestModule } from './guest-module.ts';
import type { NeighbourReport, NeighbourSettings } from './neighbour.ts';
import { percentile } from './percentile.ts';
import { SteadyCalls } from './steady-calls.ts';

async function callsFunctions(): Promise<() => Promise<boolean>> {
  const host = await wasmtime({ cacheDirectory: false });
  const adder = await host.load({ bytes: guestModule() });
  let n = 0;
  return async () => {
    const value = n++;
    return (await adder.invoke('add', [value, 1])).value === value + 1;
  };
}

function asksOverHttp(port: number, path: string): () => Promise<boolean> {
  const agent = new Agent({ keepAlive: true });
  return async () =>
    await new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, agent }, (response) => {
        response.resume();
        response.on('error', reject);
        response.on('end', () => resolve(response.statusCode === 200));
      })
        .on('error', reject)
        .end();
    });
}

const { perSecond, http } = workerData as NeighbourSettings;
const calls = new SteadyCalls(
  perSecond,
  http === undefined ? await callsFunctions() : asksOverHttp(http.port, http.path),
);
let stop: () => void = () => undefined;
parentPort?.on('message', (said: 'begin' | 'end') => {
  if (said === 'end') {
    stop();
    return;
  }
  const work = new Promise<void>((resolve) => (stop = resolve));
  void calls.during(work).then(({ wrong, latenciesMs }) => {
    const samples = Float64Array.from(latenciesMs);
    parentPort?.postMessage({
      wrong,
      p50Ms: percentile(samples, 0.5),
      p99Ms: percentile(samples, 0.99),
    } satisfies NeighbourReport);
  });
});
parentPort?.postMessage('ready');
