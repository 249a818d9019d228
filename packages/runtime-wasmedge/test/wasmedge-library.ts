import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../../scripts/engines.mjs', import.meta.url));

/** The versions that the tests run on; the second is whatever patch Debian carries of it. */
export const versions = ['0.14.1', '0.17'] as const;

/** The program and a library, built and fetched once per machine. */
export async function wasmEdge(version: (typeof versions)[number]): Promise<{ executable: string; library: string }> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, 'wasmedge', version]);
  const environment = JSON.parse(stdout) as { HOTSWAP_WASMEDGE_EXECUTABLE: string; WASMEDGE_LIB: string };
  return { executable: environment.HOTSWAP_WASMEDGE_EXECUTABLE, library: environment.WASMEDGE_LIB };
}
