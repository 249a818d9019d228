import { execFile, spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

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

function targetFolder(): string {
  const cache =
    process.env['HOTSWAP_CACHE_DIR'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'hotswap');
  return join(cache, 'cargo-target-bench');
}

async function build(packages: readonly string[]): Promise<void> {
  const args = ['build', '--release', '--locked', '--quiet', ...packages.flatMap((name) => ['--package', name])];
  const child = spawn('cargo', args, {
    cwd: workspace,
    env: { ...process.env, CARGO_TARGET_DIR: targetFolder() },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new RangeError(`cargo could not build ${packages.join(' and ')} in bench/native`);
}

async function versionOfWasmtime(): Promise<string | undefined> {
  try {
    return (await promisify(execFile)('wasmtime', ['--version'])).stdout.trim();
  } catch {
    return undefined;
  }
}

/** Builds what is missing: minutes at first, when upstream's `serve` has to be built, else a second. */
export async function nativeTools(say: (line: string) => void): Promise<NativeTools> {
  const installed = await versionOfWasmtime();
  const packages = installed === undefined ? ['loadgen', 'serve-baseline'] : ['loadgen'];
  say(`building ${packages.join(' and ')}: minutes at first, a second later ...`);
  await build(packages);
  const folder = join(targetFolder(), 'release');
  return {
    loadgen: join(folder, 'loadgen'),
    wasmtime: installed === undefined ? join(folder, 'serve-baseline') : 'wasmtime',
    wasmtimeIs: installed ?? "serve-baseline (upstream's serve command, built from its crate)",
  };
}
