import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { serverError } from '../error-codes.ts';
import { environmentNames, serverConfigSchema, type ServerConfig } from './schema.ts';

type Key = keyof ServerConfig;
const keys = Object.keys(environmentNames) as Key[];
const defaultFile = 'hotswap.config.json';

/**
 * Reads the configuration: flags (`--data-dir`) before environment (`HOTSWAP_DATA_DIR`) before the file
 * (`--config FILE`, else `hotswap.config.json` when it is there) before defaults. Development needs none of them.
 * @throws HS_CONFIG_INVALID naming the key and where it came from
 * @internal
 */
export async function loadServerConfig(args: readonly string[], env: NodeJS.ProcessEnv): Promise<ServerConfig> {
  const flags = readFlags(args);
  const fromFile = await readConfigFile(flags.file);
  const origins = new Map<string, string>();
  const merged: Record<string, unknown> = {};
  const take = (key: string, value: unknown, origin: string): void => {
    merged[key] = value;
    origins.set(key, origin);
  };
  for (const [key, value] of Object.entries(fromFile))
    take(`${key.slice(0, 1).toLowerCase()}${key.slice(1)}`, value, 'the file');
  for (const key of keys) {
    const name = environmentNames[key].find((candidate) => env[candidate] !== undefined && env[candidate] !== '');
    if (name !== undefined) take(key, env[name], name);
  }
  for (const [key, value] of Object.entries(flags.values)) take(key, value, `--${toFlag(key)}`);
  const read = serverConfigSchema.safeParse(merged);
  if (read.success) return withDefaults(read.data);
  const why = read.error.issues.map((issue) => {
    const key = issue.code === 'unrecognized_keys' ? (issue.keys[0] ?? '') : String(issue.path[0] ?? '');
    return `${key} (from ${origins.get(key) ?? 'nowhere'}): ${issue.message}`;
  });
  throw serverError('HS_CONFIG_INVALID', { why: why.join('; ') });
}

/** Fills defaults, for servers that are composed in code. @internal */
export function withDefaults(given: Partial<ServerConfig>): ServerConfig {
  const environment = given.environment ?? 'Development';
  const isDevelopment = environment === 'Development';
  return {
    host: isDevelopment ? '127.0.0.1' : '0.0.0.0',
    port: 5000,
    logLevel: 'info',
    requireApproval: !isDevelopment,
    maxWasmSizeBytes: 52_428_800,
    retention: 'PT1H',
    maxMemoryCeilingMB: 4_096,
    maxExecutionTimeCeiling: 'PT60S',
    flappingStarts: 3,
    plugins: [],
    instanceId: `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`,
    ...given,
    environment,
    dataDir: resolve(given.dataDir ?? '.hotswap'),
  };
}

function readFlags(args: readonly string[]): {
  readonly values: Readonly<Record<string, string>>;
  readonly file: string | undefined;
} {
  const options = Object.fromEntries(
    [...keys.map(toFlag), 'config'].map((name) => [name, { type: 'string' as const }]),
  );
  try {
    const { values } = parseArgs({ args: [...args], options });
    const given = keys
      .filter((key) => values[toFlag(key)] !== undefined)
      .map((key) => [key, String(values[toFlag(key)])]);
    const file = values['config'];
    return {
      values: Object.fromEntries(given) as Record<string, string>,
      file: typeof file === 'string' ? file : undefined,
    };
  } catch (error) {
    throw serverError('HS_CONFIG_INVALID', { why: (error as Error).message }, error);
  }
}

async function readConfigFile(named: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  let text: string;
  try {
    text = await readFile(named ?? defaultFile, 'utf8');
  } catch (error) {
    if (named === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw serverError(
      'HS_CONFIG_INVALID',
      { why: `the file ${named ?? defaultFile} cannot be read (${(error as NodeJS.ErrnoException).code ?? ''})` },
      error,
    );
  }
  try {
    const content = JSON.parse(text) as unknown;
    if (content !== null && typeof content === 'object' && !Array.isArray(content))
      return content as Record<string, unknown>;
  } catch (error) {
    throw serverError(
      'HS_CONFIG_INVALID',
      { why: `the file ${named ?? defaultFile} is no JSON: ${(error as Error).message}` },
      error,
    );
  }
  throw serverError('HS_CONFIG_INVALID', { why: `the file ${named ?? defaultFile} must hold a JSON object` });
}

const toFlag = (key: string): string =>
  key.replace(/MB$|Bytes$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
