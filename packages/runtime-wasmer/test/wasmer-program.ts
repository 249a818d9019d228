import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../../scripts/engines.mjs', import.meta.url));

/** The program, built once per machine. */
export async function wasmerProgram(): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, 'wasmer']);
  return (JSON.parse(stdout) as { HOTSWAP_WASMER_EXECUTABLE: string }).HOTSWAP_WASMER_EXECUTABLE;
}
