import { readFile } from 'node:fs/promises';
import { wasmtime } from '@hotswap/runtime-wasmtime';

const [, , pathOfV1 = '', pathOfV2 = ''] = process.argv;
await using host = await wasmtime();
const v1 = await host.load({ bytes: await readFile(pathOfV1) });
const v2 = await host.load({ bytes: await readFile(pathOfV2) });
const slots = host.createSlotTable();
const call = () => slots.invoke('greeter', 'greet', ['Ada']);

slots.set('greeter', { versions: new Map([['v1', { module: v1, weight: 1 }]]) });
const before = Array.from({ length: 500 }, call);
slots.set('greeter', { versions: new Map([['v2', { module: v2, weight: 1 }]]) }); // the 500 in flight stay on v1
const answers = await Promise.all([...before, ...Array.from({ length: 500 }, call)]);
for (const version of ['v1', 'v2']) console.log(version, answers.filter((answer) => answer.version === version).length);
