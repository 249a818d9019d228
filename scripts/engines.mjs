// `npm run engine -- wasmer` or `-- wasmedge [0.14.1|0.17]`: builds the program of an engine, fetches the library of WasmEdge
// where the machine has none, and prints what to put into the environment of a node as one JSON object.
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from './bootstrap/paths.mjs';
import { SetupProblem, runAsCommand } from './bootstrap/progress.mjs';
import { buildEngine } from './engines/build-engine.mjs';
import { wasmEdgeLibrary, wasmEdgeVersions } from './engines/wasmedge-library.mjs';

/** Runs the program with the library's own C library, which may be newer than this machine's. */
async function wasmEdgeEnvironment(executable, version) {
  const { library, loader, libraryPath } = await wasmEdgeLibrary(version);
  const launcher = join(cacheFolder, 'engines', `wasmedge-${version}`, 'hotswap-runtime-wasmedge');
  if (!existsSync(dirname(launcher))) mkdirSync(dirname(launcher), { recursive: true });
  const temporary = `${launcher}.${process.pid}.tmp`;
  writeFileSync(temporary, `#!/bin/sh\nexec '${loader}' --library-path '${libraryPath}' '${executable}' "$@"\n`, {
    mode: 0o755,
  });
  // In one step: another test run may be starting it right now.
  renameSync(temporary, launcher);
  return { HOTSWAP_WASMEDGE_EXECUTABLE: launcher, WASMEDGE_LIB: library };
}

await runAsCommand('engines', async () => {
  const [name = '', version = 'system'] = process.argv.slice(2);
  const executable = await buildEngine(name);
  if (name === 'wasmer') console.log(JSON.stringify({ HOTSWAP_WASMER_EXECUTABLE: executable }));
  else if (version === 'system') console.log(JSON.stringify({ HOTSWAP_WASMEDGE_EXECUTABLE: executable }));
  else if (wasmEdgeVersions.includes(version))
    console.log(JSON.stringify(await wasmEdgeEnvironment(executable, version)));
  else throw new SetupProblem(`WasmEdge ${version} cannot be fetched; ${wasmEdgeVersions.join(' and ')} can.`);
});
