// Runs where a process may have 20 GB of addresses: the pool takes what there is, and a pool that cannot be had is done without.
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { exampleModule } from '@hotswap/example-modules';
import { wasmtime } from '@hotswap/runtime-wasmtime';

const poolSlots = process.argv[2];
await using host = await wasmtime({
  cacheDirectory: false,
  ...(poolSlots === undefined ? {} : { poolSlots: Number(poolSlots) }),
});
await using module = await host.load({ bytes: await readFile(exampleModule('adder').path) });
const { value } = await module.invoke('add', [1, 2]);
console.log(`${host.capabilities.pooling ? 'pool' : 'no pool'}, ${JSON.stringify(value)}`);
