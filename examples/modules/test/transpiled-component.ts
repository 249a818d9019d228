import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transpile } from '@bytecodealliance/jco';

/** A component that runs in V8: an independent second opinion on what the modules answer. */
export interface TranspiledComponent extends AsyncDisposable {
  /** Exports by their names in JavaScript; interfaces by their last name too. */
  readonly exports: Readonly<Record<string, unknown>>;
  /** A new instance of the same component. */
  fresh(): Promise<Readonly<Record<string, unknown>>>;
}

/** Transpiles a component that imports nothing. */
export async function transpiledComponent(path: string): Promise<TranspiledComponent> {
  const folder = await mkdtemp(join(tmpdir(), 'hotswap-transpiled-'));
  const { files } = await transpile(await readFile(path), { name: 'component' });
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
  const entry = pathToFileURL(join(folder, 'component.js')).href;
  let instances = 0;
  const fresh = async (): Promise<Readonly<Record<string, unknown>>> => {
    instances += 1;
    return (await import(/* @vite-ignore */ `${entry}?instance=${instances}`)) as Record<string, unknown>;
  };
  return {
    exports: await fresh(),
    fresh,
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true, force: true }),
  };
}
