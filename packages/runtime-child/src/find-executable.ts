import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { runtimeChildError } from './error-codes.ts';

/** Where an engine's program can be. @public */
export interface ExecutablePlaces {
  /** Name of the engine, for the error. */
  readonly engine: string;
  /** File name of the program. */
  readonly program: string;
  /** Environment variable that names it. */
  readonly variable: string;
  /** Option of the caller; nothing else is tried when it is there. */
  readonly option: string | undefined;
  /** `new URL('../', import.meta.url)` of the engine's package. */
  readonly packageFolder: URL;
}

/**
 * The program of an engine: what the option names, else what the environment names, else what was built in the package.
 * @throws HS_RUNTIME_CHILD_MISSING with everything that was tried
 * @public
 */
export async function findExecutable(places: ExecutablePlaces): Promise<string> {
  const { engine, program, variable, option, packageFolder } = places;
  const named = option ?? process.env[variable];
  const tried =
    named === undefined || named === ''
      ? [`bin/${program}`, `native/target/release/${program}`].map((path) =>
          fileURLToPath(new URL(path, packageFolder)),
        )
      : [named];
  for (const path of tried) if (await isExecutable(path)) return path;
  throw runtimeChildError('HS_RUNTIME_CHILD_MISSING', { engine, tried, variable });
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
