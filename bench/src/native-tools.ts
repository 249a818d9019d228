import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheFolder } from './cache-folder.ts';

/** Programs that the HTTP benches start. */
export interface NativeTools {
  /** The load generator. */
  readonly loadgen: string;
  /** A program with the options of the `wasmtime` command: that command itself, or its `serve` built from its crate. */
  readonly wasmtime: string;
  /** What it is, for the reader. */
  readonly wasmtimeIs: string;
}

const workspace = fileURLToPath(new URL('../native/', import.meta.url));

async function build(name: string): Promise<void> {
  const args = ['build', '--release', '--locked', '--quiet', '--package', name];
  const child = spawn('cargo', args, {
    cwd: workspace,
    env: { ...process.env, CARGO_TARGET_DIR: cacheFolder('cargo-target-bench') },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new RangeError(`cargo could not build ${name} in bench/native`);
}

async function versionOfWasmtime(): Promise<string | undefined> {
  try {
    return (await promisify(execFile)('wasmtime', ['--version'])).stdout.trim();
  } catch {
    return undefined;
  }
}

async function built(name: string): Promise<string> {
  await build(name);
  return join(cacheFolder('cargo-target-bench'), 'release', name);
}

/** Path of the load generator; built if need be. */
export async function loadGenerator(say: (line: string) => void): Promise<string> {
  say('building the load generator: half a minute at first, a second later ...');
  return await built('loadgen');
}

/** All of them. Without the `wasmtime` command upstream's `serve` has to be built at first, which takes minutes. */
export async function nativeTools(say: (line: string) => void): Promise<NativeTools> {
  const loadgen = await loadGenerator(say);
  const installed = await versionOfWasmtime();
  if (installed !== undefined) return { loadgen, wasmtime: 'wasmtime', wasmtimeIs: installed };
  say("building upstream's serve: minutes at first, a second later ...");
  const wasmtime = await built('serve-baseline');
  return { loadgen, wasmtime, wasmtimeIs: "serve-baseline (upstream's serve command, built from its crate)" };
}
