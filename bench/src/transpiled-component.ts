import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transpile } from '@bytecodealliance/jco';

/** A component that V8 runs, as jco transpiles it. */
export interface TranspiledComponent extends AsyncDisposable {
  /** The exported interfaces and functions by their names in JavaScript. */
  readonly exports: Readonly<Record<string, unknown>>;
}

/** Transpiles a component that imports nothing, and instantiates it. */
export async function transpiledComponent(path: string): Promise<TranspiledComponent> {
  const folder = await mkdtemp(join(tmpdir(), 'hotswap-bench-jco-'));
  const { files } = await transpile(await readFile(path), { name: 'component' });
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
  return {
    exports: (await import(pathToFileURL(join(folder, 'component.js')).href)) as Record<string, unknown>,
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true, force: true }),
  };
}
