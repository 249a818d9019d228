import { readFile } from 'node:fs/promises';
import { exampleModule } from '@hotswap/example-modules';
import { type RuntimeHost, defaultResourceLimits } from '@hotswap/core';
import { nativeModule } from './native-module.ts';
import { median } from './percentile.ts';
import { transpiledComponent } from './transpiled-component.ts';

/** What one value costs on its way into a component and back. Nanoseconds per call. */
export interface ComponentCost {
  /** A new instance for the call. */
  readonly fresh: number;
  /** An open instance. */
  readonly warm: number;
  /** jco's transpilation of the same component in V8, one instance for all calls. */
  readonly jco: number;
  /** An open instance in a loop in Rust: no JavaScript at either end. */
  readonly rust: number;
}

const rounds = 9;
const megabyte = 1_048_576;
const point = (at: number): unknown => ({ x: at, y: -at });
const person = (at: number): unknown => ({
  fullName: `Ada Lovelace the ${at}th`,
  age: at % 200,
  nickNames: ['Countess', 'Enchantress of Number'],
  home: point(at),
});

/** Arguments by the function that echoes them, and turns of a round. */
const cases: Readonly<Record<string, { readonly fn: string; readonly value: unknown; readonly turns: number }>> = {
  u32: { fn: 'echo-u32', value: 7, turns: 20_000 },
  string24: { fn: 'echo-string', value: 'a string of 24 letters..', turns: 10_000 },
  string100k: { fn: 'echo-string', value: 'ten bytes '.repeat(10_240), turns: 200 },
  record: { fn: 'echo-record', value: person(7), turns: 5_000 },
  records1k: { fn: 'echo-list-record', value: Array.from({ length: 1_000 }, (_, at) => point(at)), turns: 40 },
  bytes1k: { fn: 'echo-list-u8', value: new Uint8Array(1_024).fill(7), turns: 10_000 },
  bytes1m: { fn: 'echo-list-u8', value: new Uint8Array(megabyte).fill(7), turns: 40 },
  u32s1m: { fn: 'echo-list-u32', value: new Uint32Array(megabyte / 4).fill(7), turns: 40 },
  f64s1m: { fn: 'echo-list-f64', value: new Float64Array(megabyte / 8).fill(0.5), turns: 40 },
};

function nsPerTurn(turns: number, turn: () => void): number {
  const since = process.hrtime.bigint();
  for (let i = 0; i < turns; i++) turn();
  return Number(process.hrtime.bigint() - since) / turns;
}

/** The typical call of a few large ones: V8 collects their memory at some of them, whoever made it. */
function typicalNs(turns: number, turn: () => void): number {
  return median(Array.from({ length: turns }, () => nsPerTurn(1, turn)));
}

/** Memory that was handed over is given back between the bursts, as in a program that waits now and then. */
const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Measures each case in alternating rounds, so that what the machine does besides falls on all alike. */
export async function componentCosts(host: RuntimeHost): Promise<Readonly<Record<string, ComponentCost>>> {
  const { path } = exampleModule('typed-rust');
  const bytes = await readFile(path);
  const sizes = { maxInputSize: 16 * megabyte, maxMemoryMB: 256 };
  await using module = await host.load(
    { bytes },
    { limits: { ...defaultResourceLimits, ...sizes }, maxOutputSize: 16 * megabyte },
  );
  await using instance = await module.open();
  await using transpiled = await transpiledComponent(path);
  using bare = await nativeModule(bytes);
  const echo = transpiled.exports['echo'] as Record<string, (value: unknown) => unknown>;
  const out: Record<string, ComponentCost> = {};
  for (const [name, { fn, value, turns }] of Object.entries(cases)) {
    const inJco = echo[fn.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())] as (value: unknown) => void;
    const target = module.description.functions.find((each) => each.name.endsWith(`#${fn}`))?.name ?? fn;
    const args = [value] as Parameters<NonNullable<typeof module.invokeSync>>[1];
    const turnOf = {
      fresh: () => void module.invokeSync?.(target, args),
      warm: () => void instance.invokeSync?.(target, args),
      jco: () => inJco(value),
    };
    const ns = { fresh: [], warm: [], jco: [], rust: [] } as Record<keyof ComponentCost, number[]>;
    for (const turn of Object.values(turnOf)) nsPerTurn(turns, turn);
    for (let round = 0; round < rounds; round++) {
      for (const way of ['fresh', 'warm', 'jco'] as const) {
        ns[way].push((turns < 100 ? typicalNs : nsPerTurn)(turns, turnOf[way]));
        await turnOfTheLoop();
      }
      ns.rust.push(bare.warmNs(turns, target, args));
    }
    out[name] = { fresh: median(ns.fresh), warm: median(ns.warm), jco: median(ns.jco), rust: median(ns.rust) };
  }
  return out;
}
