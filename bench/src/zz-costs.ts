import { wasmtime } from '@hotswap/runtime-wasmtime';
import { componentCosts } from '/work/wt/values/bench/src/invoke-components.ts';
await using host = await wasmtime({ cacheDirectory: false, syncTimeoutMs: 1_000 });
const costs = await componentCosts(host);
for (const [name, c] of Object.entries(costs))
  console.log(
    name.padEnd(12),
    ...Object.entries(c).map(([k, v]) => `${k} ${(v / 1000).toFixed(1)}us`.padEnd(18)),
    'jco/warm',
    (c.jco / c.warm).toFixed(2),
    'jco/fresh',
    (c.jco / c.fresh).toFixed(2),
  );
