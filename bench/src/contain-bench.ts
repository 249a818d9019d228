import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { HttpRoute, LoadedModule, RuntimeHost } from '@hotswap/core';
import { exampleModule } from '@hotswap/example-modules';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { type Bench, type BenchContext, type BenchResult, atMost } from './bench.ts';
import { type Poison, endOf, poisons } from './contained-poison.ts';
import { Neighbour } from './neighbour.ts';
import { percentile } from './percentile.ts';
import { scratchFolder } from './scratch-folder.ts';

/** Part of a row's name that `HOTSWAP_CONTAIN` asks for. */
const wanted = process.env['HOTSWAP_CONTAIN'] ?? '';
const roundMs = 200;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The lower quartile of the rounds: other programs of the machine only ever add to a latency. */
const undisturbed = (rounds: readonly number[]): number => percentile(Float64Array.from(rounds), 0.25);

interface Row {
  readonly name: string;
  readonly aloneP99Ms: number;
  readonly besideP50Ms: number;
  readonly besideP99Ms: number;
  readonly ratio: number;
}

/** Two meet it at a time, and again as soon as both have ended. */
async function meetFor(ms: number, poison: Poison, surprises: Set<string>): Promise<void> {
  const until = performance.now() + ms;
  do {
    for (const end of await Promise.all([endOf(poison.meet()), endOf(poison.meet())]))
      if (!poison.codes.includes(end)) surprises.add(`${poison.name}: ${end}`);
    await pause(5);
  } while (performance.now() < until);
}

async function run({ full, say }: BenchContext): Promise<BenchResult> {
  await using scratch = await scratchFolder();
  await using host = await wasmtime({ cacheDirectory: scratch.path });
  await using bounded = await wasmtime({ cacheDirectory: scratch.path, compile: 'child' });
  await using calls = await Neighbour.start({ perSecond: 1_000 });
  const rounds = full ? 40 : 16;
  const rows: Row[] = [];
  const surprises = new Set<string>();
  let wrong = 0;

  const during = async (neighbour: Neighbour, work: Promise<unknown>): Promise<readonly [number, number]> => {
    const report = await neighbour.during(work);
    wrong += report.wrong;
    await pause(20);
    return [report.p99Ms, report.p50Ms];
  };
  const measure = async (neighbour: Neighbour, poison: Poison): Promise<void> => {
    if (!poison.name.includes(wanted)) return;
    const alone: number[] = [];
    const beside: number[] = [];
    const besideP50: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const [quiet] = await during(neighbour, pause(roundMs));
      const [harmed, p50Ms] = await during(neighbour, meetFor(roundMs, poison, surprises));
      alone.push(quiet);
      beside.push(harmed);
      besideP50.push(p50Ms);
    }
    const [aloneP99Ms, besideP99Ms] = [undisturbed(alone), undisturbed(beside)];
    const row = {
      name: poison.name,
      aloneP99Ms,
      besideP50Ms: undisturbed(besideP50),
      besideP99Ms,
      ratio: besideP99Ms / aloneP99Ms,
    };
    rows.push(row);
    const [aloneText, p50Text, p99Text] = [aloneP99Ms, row.besideP50Ms, besideP99Ms].map((ms) => ms.toFixed(3));
    say(
      `${poison.name.padEnd(32)} alone p99 ${aloneText} ms, beside p50 ${p50Text} p99 ${p99Text} ms: ${row.ratio.toFixed(2)} x`,
    );
  };

  await calls.during(pause(1_000));
  for await (const poison of poisons(host, bounded, scratch.path)) await measure(calls, poison);
  await overHttp(host, measure);

  for (const surprise of surprises) say(`not as it should end: ${surprise}`);
  const poisonRows = rows.filter(({ name }) => !name.startsWith('control'));
  const beyond = poisonRows.filter(({ ratio }) => ratio >= 2).length;
  return {
    figures: Object.fromEntries(rows.map(({ name, besideP99Ms }) => [`${name} p99Ms`, besideP99Ms])),
    ratios: Object.fromEntries(rows.map(({ name, ratio }) => [`${name} timesAlone`, ratio])),
    targets: [
      atMost('rows in which the neighbour has twice its p99 or more', beyond, 0),
      atMost('wrong answers of the neighbour', wrong, 0),
      atMost('poisons that ended otherwise than they should', surprises.size, 0),
    ],
  };
}

const route = (slot: string): HttpRoute => ({
  slot,
  hosts: [],
  pathPrefix: `/${slot}`,
  stripPrefix: true,
  access: 'public',
  affinity: null,
});

/** The same through the HTTP plane: a neighbour that is asked 500 times a second, and requests that harm. */
async function overHttp(
  host: RuntimeHost,
  measure: (neighbour: Neighbour, poison: Poison) => Promise<void>,
): Promise<void> {
  if (host.createHttpPlane === undefined) throw new RangeError('this runtime has no HTTP plane');
  const slots = host.createSlotTable();
  const plane = await host.createHttpPlane({ slots });
  const listener = await plane.listen({});
  const load = async (name: string): Promise<LoadedModule> =>
    await host.load(
      { bytes: await readFile(exampleModule(name).path) },
      { limits: { maxMemoryMB: 32, maxExecutionTime: 'PT0.25S' } },
    );
  await using hello = await load('http-hello');
  await using lab = await load('http-lab');
  for (const [slot, module] of Object.entries({ hello, lab }))
    slots.set(slot, { versions: new Map([['1', { module, weight: 1 }]]) });
  listener.setRoutes([route('hello'), route('lab')]);
  const { port } = listener;
  const status = (path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path }, (response) => {
        response.resume();
        response.on('error', reject);
        response.on('end', () => resolve(response.statusCode ?? 0));
      });
      sent.on('error', reject).end();
    });
  await using neighbour = await Neighbour.start({ perSecond: 500, http: { port, path: '/hello/' } });
  await neighbour.during(pause(500));
  for (const [path, ends] of Object.entries({
    loop: ['504'],
    'spin?ms=40': ['200'],
    'loop-after-head': ['Error: aborted', '200'],
    'memory?bytes=209715200': ['200', '500', '502'],
    trap: ['502', '500'],
    'log?n=1000': ['200'],
  })) {
    const meet = async (): Promise<void> => {
      const answer = await endOf(status(`/lab/${path}`).then((code) => Promise.reject(String(code))));
      // Broken connections end as they should too.
      if (!ends.includes(answer) && !answer.startsWith('Error')) throw new RangeError(answer);
    };
    await measure(neighbour, { name: `http /${path}`, codes: ['answered'], meet });
  }
  await plane.close(0);
}

export const containBench: Bench = {
  name: 'contain',
  summary: "a neighbour's latency beside every poison module, against the same neighbour alone, in turns",
  run,
};
