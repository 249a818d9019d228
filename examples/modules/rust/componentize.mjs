// A core module with WIT in a custom section -> a component:  node componentize.mjs <core.wasm> <component.wasm>
import { readFile, writeFile } from 'node:fs/promises';
import { componentNew } from '@bytecodealliance/jco';

const [input, output] = process.argv.slice(2);
const component = await componentNew(await readFile(input), []);
await writeFile(output, component);
process.stdout.write(`${output}: ${component.length} bytes\n`);
