// TypeScript that exports an `incomingHandler` -> a component with wasi:http/incoming-handler, by StarlingMonkey.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** The WASI that the engine was built for, and the one whose texts jco ships: of these packages they are the same. */
const ENGINE_WASI = '0.2.10';
const SHIPPED_WASI = '0.2.12';
/** What `wasi:http` itself is written with. Its worlds want more, and the engine has its own worlds. */
const WASI_PACKAGES = ['wasi-io', 'wasi-clocks', 'wasi-http'];

async function writeWasiPackages(folder) {
  const shipped = new URL(`../lib/wit/builtin/${SHIPPED_WASI}/`, import.meta.resolve('@bytecodealliance/jco'));
  await mkdir(folder);
  for (const name of WASI_PACKAGES) {
    const text = await readFile(new URL(`${name}/package.wit`, shipped), 'utf8');
    const interfaces = text.replaceAll(/^world [^}]*\}/gm, '').replaceAll(SHIPPED_WASI, ENGINE_WASI);
    await writeFile(join(folder, `${name}.wit`), interfaces);
  }
}

/** Some seconds and 13 MB each: such modules are built when somebody asks for them. */
// componentize-js imports preview2-shim without listing it among its dependencies; this package lists it.
export async function typescriptHttp({ source, wit, world }, stripTypes) {
  const [{ componentize }, script] = await Promise.all([
    import('@bytecodealliance/componentize-js'),
    stripTypes(source),
  ]);
  const folder = await mkdtemp(join(tmpdir(), 'hotswap-guest-'));
  try {
    const sourcePath = join(folder, basename(source).replace(/\.ts$/, '.js'));
    const witPath = join(folder, 'wit');
    await mkdir(witPath);
    await writeWasiPackages(join(witPath, 'deps'));
    await writeFile(join(witPath, 'world.wit'), await readFile(wit));
    await writeFile(sourcePath, script);
    const disableFeatures = ['fetch-event'];
    const { component } = await componentize({ sourcePath, witPath, worldName: world, disableFeatures });
    return component;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
