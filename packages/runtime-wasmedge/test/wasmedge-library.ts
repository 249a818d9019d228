import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { it } from 'vitest';

const script = fileURLToPath(new URL('../../../scripts/engines.mjs', import.meta.url));
/** What the script ends with where the machine has no Debian archive to fetch the library from, or cannot reach it. */
const unavailableCode = 69;

/** The versions that the tests run on; the second is whatever patch Debian carries of it. */
export const versions = ['0.14.1', '0.17'] as const;

/** The program and a library. */
export interface WasmEdgePlaces {
  readonly executable: string;
  readonly library: string;
}

/** A library that the tests run on, or why this machine cannot have it. */
export type WasmEdgeLibrary =
  | { readonly version: string; readonly places: WasmEdgePlaces }
  | { readonly version: string; readonly missing: string };

/** Built and fetched once per machine. With `HOTSWAP_REQUIRE_ENGINES` set, as in CI, a library that cannot be had is an error. */
export async function wasmEdge(version: (typeof versions)[number]): Promise<WasmEdgeLibrary> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [script, 'wasmedge', version]);
    const environment = JSON.parse(stdout) as { HOTSWAP_WASMEDGE_EXECUTABLE: string; WASMEDGE_LIB: string };
    return {
      version,
      places: { executable: environment.HOTSWAP_WASMEDGE_EXECUTABLE, library: environment.WASMEDGE_LIB },
    };
  } catch (error) {
    const { code, stderr } = error as { readonly code?: unknown; readonly stderr?: string };
    if (code !== unavailableCode || process.env['HOTSWAP_REQUIRE_ENGINES'] !== undefined) throw error;
    return { version, missing: stderr?.trim().split('\n').at(-1) ?? 'it cannot be fetched' };
  }
}

/** All versions, for `describe.each`. */
export const libraries: readonly WasmEdgeLibrary[] = await Promise.all(versions.map(wasmEdge));

/** The places of a library; without it the suite is one skipped test that says why. */
export function placesOrSkip(library: WasmEdgeLibrary): WasmEdgePlaces | undefined {
  if ('places' in library) return library.places;
  it(`needs WasmEdge ${library.version}`, ({ skip }) => {
    skip(library.missing);
  });
  return undefined;
}
