import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What the loading process is told. */
export interface MixedSettings {
  readonly cacheDirectory: string;
  readonly count: number;
  /** How many of them are components of 1 MB. */
  readonly components: number;
  /** Modules that are loaded, asked whether they are well, and unloaded afterwards, over and over. */
  readonly initialisations: number;
  readonly inFlight: number;
}

/** What it found. */
export interface MixedLoad {
  /** Milliseconds of each load, pass by pass. */
  readonly loads: readonly { readonly core: readonly number[]; readonly component: readonly number[] }[];
  readonly firstCallUs: readonly number[];
  readonly failed: number;
  readonly residentBytes: number;
  readonly addedBytes: number;
  readonly mappings: number;
  readonly initialisationsFailed: number;
  readonly initialisationsSeconds: number;
}

/** Runs the loading in a process of its own. */
export async function mixedLoad(settings: MixedSettings): Promise<MixedLoad> {
  const script = fileURLToPath(new URL('mixed-load-process.ts', import.meta.url));
  const args = [
    '--conditions=@hotswap/source',
    '--disable-warning=ExperimentalWarning',
    script,
    JSON.stringify(settings),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1_024 * 1_024 });
  return JSON.parse(stdout) as MixedLoad;
}
