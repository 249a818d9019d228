import { readFile } from 'node:fs/promises';
import { wasmtime } from '@hotswap/runtime-wasmtime';

const [path = '', ...args] = process.argv.slice(2);
await using host = await wasmtime({ cacheDirectory: false });
await using command = await host.load({ bytes: await readFile(path) });
const { exitCode, stdout, stderr } = await command.run({ args, stdio: 'inherit' });
process.exitCode = stdout.length + stderr.length === 0 ? exitCode : 99;
