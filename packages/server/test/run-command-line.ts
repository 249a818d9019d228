import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));

/** Runs `hotswap` as people do, in a process of its own, against a server. */
export function runCommandLine(
  server: { readonly url: string; readonly token: string; readonly env?: NodeJS.ProcessEnv },
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--conditions=@hotswap/source', main, ...args],
      {
        env: { ...process.env, HOTSWAP_SERVER: server.url, HOTSWAP_TOKEN: server.token, NO_COLOR: '1', ...server.env },
        maxBuffer: 64 * 1_048_576,
      },
      (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}
