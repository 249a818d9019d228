import createPlugin from '@extism/extism';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { type Bench, type BenchContext, type BenchResult, atLeast, atMost } from './bench.ts';
import { guestModule } from './guest-module.ts';
import { type ComponentCost, componentCosts } from './invoke-components.ts';
import { nativeModule } from './native-module.ts';
import { median, percentile } from './percentile.ts';

const rounds = 9;

/** Nanoseconds per turn of a loop. */
function nsPerTurn(turns: number, turn: () => void): number {
  const since = process.hrtime.bigint();
  for (let i = 0; i < turns; i++) turn();
  return Number(process.hrtime.bigint() - since) / turns;
}

async function nsPerAwaitedTurn(turns: number, turn: () => Promise<unknown>): Promise<number> {
  const since = process.hrtime.bigint();
  for (let i = 0; i < turns; i++) await turn();
  return Number(process.hrtime.bigint() - since) / turns;
}

async function latenciesUs(calls: number, call: () => Promise<unknown>): Promise<Float64Array> {
  const samples = new Float64Array(calls);
  for (let i = 0; i < calls; i++) {
    const since = performance.now();
    await call();
    samples[i] = (performance.now() - since) * 1_000;
  }
  return samples;
}

async function callsPerSecond(calls: number, inFlight: number, call: () => Promise<unknown>): Promise<number> {
  let left = calls;
  const since = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left-- > 0) await call();
    }),
  );
  return calls / ((performance.now() - since) / 1_000);
}

async function run({ full, say }: BenchContext): Promise<BenchResult> {
  const turns = full ? 200_000 : 40_000;
  // A machine that is busy with other things may take a thread away for longer than the default allows.
  await using host = await wasmtime({ cacheDirectory: false, syncTimeoutMs: 1_000 });
  await using module = await host.load({ bytes: guestModule() });
  await using instance = await module.open();
  using bare = await nativeModule(guestModule());
  const plugin = await createPlugin({ wasm: [{ data: guestModule() }] }, { useWasi: false });
  const fresh = (): void => void module.invokeSync?.('add', [1, 2]);
  const warm = (): void => void instance.invokeSync?.('add', [1, 2]);
  const extism = (): Promise<unknown> => plugin.call('run');
  for (const turn of [fresh, warm]) nsPerTurn(turns, turn);
  await nsPerAwaitedTurn(turns, extism);

  say(`${rounds} alternating rounds of ${turns.toLocaleString('en')} calls each ...`);
  const ns = { rustFresh: [], rustWarm: [], jsFresh: [], jsWarm: [], extismWarm: [] } as Record<
    'rustFresh' | 'rustWarm' | 'jsFresh' | 'jsWarm' | 'extismWarm',
    number[]
  >;
  for (let round = 0; round < rounds; round++) {
    ns.rustFresh.push(bare.freshNs(turns));
    ns.jsFresh.push(nsPerTurn(turns, fresh));
    ns.rustWarm.push(bare.warmNs(turns));
    ns.jsWarm.push(nsPerTurn(turns, warm));
    ns.extismWarm.push(await nsPerAwaitedTurn(turns, extism));
  }
  await plugin.close();

  say('asynchronous calls ...');
  const call = (): Promise<unknown> => module.invoke('add', [1, 2]);
  await latenciesUs(turns / 4, call);
  const latency = await latenciesUs(turns, call);
  await callsPerSecond(turns, 64, call);
  const throughput = await callsPerSecond(turns * 4, 64, call);

  say('components: strings, records and lists, beside jco in V8 and the loop in Rust ...');
  const components = await componentCosts(host);

  const [rustFresh, rustWarm, jsFresh, jsWarm, extismWarm] = [
    ns.rustFresh,
    ns.rustWarm,
    ns.jsFresh,
    ns.jsWarm,
    ns.extismWarm,
  ].map(median) as [number, number, number, number, number];
  const asyncP50Us = percentile(latency, 0.5);
  return {
    figures: {
      rustFreshNs: rustFresh,
      syncFreshNs: jsFresh,
      rustWarmNs: rustWarm,
      syncWarmNs: jsWarm,
      extismWarmNs: extismWarm,
      asyncFreshP50Us: asyncP50Us,
      asyncFreshP99Us: percentile(latency, 0.99),
      asyncFreshPerSecondAt64: throughput,
      ...componentFigures(components),
    },
    ratios: {
      syncFreshToRustLoop: rustFresh / jsFresh,
      warmToExtism: extismWarm / jsWarm,
      ...componentRatios(components),
    },
    targets: [
      atMost('sync fresh call, times the Rust loop', jsFresh / rustFresh, 1.5),
      atMost('async fresh call p50, us', asyncP50Us, 25),
      atLeast('warm call, times faster than Extism', extismWarm / jsWarm, 1),
      ...['bytes1m', 'u32s1m', 'f64s1m'].map((name) => {
        const { jco, warm } = components[name] as ComponentCost;
        return atLeast(`component, ${name} there and back, times faster than jco in V8`, jco / warm, 1);
      }),
    ],
  };
}

type Costs = Readonly<Record<string, ComponentCost>>;

const capitalized = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

function componentFigures(costs: Costs): Record<string, number> {
  return Object.fromEntries(
    Object.entries(costs).flatMap(([name, cost]) =>
      Object.entries(cost).map(([way, ns]) => [`${name}${capitalized(way)}Us`, ns / 1_000]),
    ),
  );
}

function componentRatios(costs: Costs): Record<string, number> {
  return Object.fromEntries(Object.entries(costs).map(([name, { warm, jco }]) => [`${name}WarmToJco`, jco / warm]));
}

export const invokeBench: Bench = {
  name: 'invoke',
  summary: 'fresh isolated and warm calls against the bare Rust loop, Extism and, for components, jco',
  run,
};
