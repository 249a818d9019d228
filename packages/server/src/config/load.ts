import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { serverError } from '../error-codes.ts';
import { withPassword } from './connection-strings.ts';
import { nearestOf } from '@hotswap/core';
import { fileOfEnvironment, readConfigFile, type ConfigFile } from './read-file.ts';
import { environmentNames, secretKeys, serverConfigSchema, type ServerConfig } from './schema.ts';
import { unshield } from './shielded-text.ts';
import { readTextForms } from './text-forms.ts';

type Key = keyof ServerConfig;
const keys = Object.keys(environmentNames) as Key[];
const flagKeys = keys.filter((key) => !secretKeys.has(key));
const defaultFile = 'hotswap.config.json';
const fileVariable = 'HOTSWAP_CONFIG';

/** What was said so far, and by whom. */
interface Sources {
  readonly values: Record<string, unknown>;
  readonly origins: Map<string, string>;
  readonly problems: string[];
}

/**
 * Reads the configuration: flags (`--data-dir`) before environment (`HOTSWAP_DATA_DIR`) before the file of the environment
 * (`hotswap.config.Production.json`) before the file (`--config FILE`, else `hotswap.config.json` when it is there) before
 * defaults. Development needs none of them.
 * @throws HS_CONFIG_INVALID naming the key and where it came from, never the value of a secret
 * @internal
 */
export async function loadServerConfig(args: readonly string[], env: NodeJS.ProcessEnv): Promise<ServerConfig> {
  const flags = readFlags(args);
  const fromEnvironment = readEnvironment(env);
  const sources: Sources = { values: {}, origins: new Map(), problems: [...misspeltVariables(env)] };
  await takeFiles(sources, flags, fromEnvironment, env);
  for (const [key, { value, name }] of fromEnvironment) take(sources, key, value, name);
  for (const [key, value] of Object.entries(flags.values)) take(sources, key, value, `--${toFlag(key)}`);
  const { values, origins, problems } = sources;
  const read = serverConfigSchema.safeParse(values);
  if (read.success && problems.length === 0) return withDefaults(read.data);
  const issues = read.success ? [] : read.error.issues;
  const why = issues.map((issue) => {
    const key = String(issue.path[0] ?? '');
    return `${key} (from ${origins.get(key) ?? 'nowhere'}): ${issue.message}`;
  });
  throw serverError('HS_CONFIG_INVALID', { why: [...problems, ...why].join('; ') });
}

/** Text 000 has these for Production only. */
const productionLimits = {
  moduleRegistrationsPerMinute: 10,
  moduleExecutionsPerMinute: 1_000,
  strangerRequestsPerMinute: 300,
} as const;

const tierDefaults = {
  ...{ freeTierPerMinute: 10, freeTierPerDay: 500, basicTierPerMinute: 100, basicTierPerDay: 10_000 },
  ...{ proTierPerMinute: 500, proTierPerDay: 50_000 },
} as const;

/** Fills defaults, for servers that are composed in code. @internal */
export function withDefaults(given: Partial<ServerConfig>): ServerConfig {
  const environment = given.environment ?? 'Development';
  const isDevelopment = environment === 'Development';
  const { databaseUrl, databasePassword, redisUrl, redisPassword } = given;
  return {
    host: isDevelopment ? '127.0.0.1' : '0.0.0.0',
    port: 5000,
    plainHttp: true,
    httpsPort: 5001,
    strictTransportSecurity: 'max-age=31536000; includeSubDomains',
    jwtIssuer: 'HotSwap.Wasm.Api',
    jwtAudience: 'HotSwap.Wasm.Clients',
    jwtExpiration: 'PT1H',
    ...(environment === 'Production' ? productionLimits : {}),
    ...tierDefaults,
    identityRoleClaim: 'role',
    s3UseTls: !isDevelopment,
    s3Bucket: 'wasm-modules',
    s3Region: 'us-east-1',
    logLevel: 'info',
    requireApproval: !isDevelopment,
    maxWasmSizeBytes: 52_428_800,
    maxInputSizeBytes: 1_048_576,
    executionTimeout: 'PT5S',
    memoryLimitBytes: 134_217_728,
    retention: 'PT1H',
    maxMemoryCeilingMB: 4_096,
    maxExecutionTimeCeiling: 'PT60S',
    flappingStarts: 3,
    metricsEnabled: true,
    metricsPath: '/metrics',
    traceSampleRatio: 1,
    plugins: [],
    trustedProxies: [],
    instanceId: `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`,
    ...given,
    ...(databaseUrl === undefined ? {} : { databaseUrl: withPassword(databaseUrl, databasePassword) }),
    ...(redisUrl === undefined ? {} : { redisUrl: withPassword(redisUrl, redisPassword) }),
    environment,
    dataDir: resolve(given.dataDir ?? '.hotswap'),
  };
}

function take({ values, origins }: Sources, key: string, value: unknown, origin: string): void {
  values[key] = value;
  origins.set(key, origin);
}

interface Flags {
  readonly values: Readonly<Record<string, string>>;
  readonly file: string | undefined;
}

function readFlags(args: readonly string[]): Flags {
  const options = Object.fromEntries(
    [...flagKeys.map(toFlag), 'config'].map((name) => [name, { type: 'string' as const }]),
  );
  try {
    const { values } = parseArgs({ args: [...args], options });
    const given = flagKeys
      .filter((key) => values[toFlag(key)] !== undefined)
      .map((key) => [key, String(values[toFlag(key)])]);
    const file = values['config'];
    return {
      values: Object.fromEntries(given) as Record<string, string>,
      file: typeof file === 'string' ? file : undefined,
    };
  } catch (error) {
    throw serverError('HS_CONFIG_INVALID', { why: whyNoFlag(error as Error) });
  }
}

/** The option without what stands behind it: secrets are refused here, too. */
function whyNoFlag({ message }: Error): string {
  const name = /^Unknown option '--([\w-]+)/.exec(message)?.[1];
  if (name === undefined) return message.split("'=")[0] ?? '';
  const secret = [...secretKeys].find((key) => toFlag(key) === name) as Key | undefined;
  return secret === undefined
    ? `there is no option --${name}${nearestOf(name, flagKeys.map(toFlag))}`
    : `--${name} would be seen by everybody on this machine: set ${environmentNames[secret].join(' or ')} instead`;
}

/** Values of variables, with the name of each; a secret may also be in a file that `NAME_FILE` names. */
function readEnvironment(env: NodeJS.ProcessEnv): ReadonlyMap<Key, { readonly value: string; readonly name: string }> {
  const found = new Map<Key, { readonly value: string; readonly name: string }>();
  const has = (name: string): boolean => env[name] !== undefined && env[name] !== '';
  for (const key of keys) {
    const name = environmentNames[key].find(has);
    if (name !== undefined) found.set(key, { value: env[name] ?? '', name });
    else if (secretKeys.has(key)) {
      const fileName = environmentNames[key].map((candidate) => `${candidate}_FILE`).find(has);
      if (fileName !== undefined) found.set(key, { value: readSecret(env[fileName] ?? '', fileName), name: fileName });
    }
  }
  return found;
}

function readSecret(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw serverError('HS_CONFIG_INVALID', { why: `the file ${path} of ${name} cannot be read (${code ?? ''})` });
  }
}

/** Variables of ours with one letter wrong. Others may begin like ours: those of agents, tests and command lines do. */
function* misspeltVariables(env: NodeJS.ProcessEnv): Generator<string, void, undefined> {
  const known = [
    ...Object.values(environmentNames)
      .flat()
      .filter((name) => name.startsWith('HOTSWAP_')),
    fileVariable,
  ];
  for (const name of Object.keys(env)) {
    if (!name.startsWith('HOTSWAP_') || known.includes(name)) continue;
    const nearest = nearestOf(name, known, 1);
    if (nearest !== '') yield `${name} (from the environment): there is no such variable${nearest}`;
  }
}

/** The file, and above it the one of its environment. */
async function takeFiles(
  sources: Sources,
  flags: Flags,
  fromEnvironment: ReadonlyMap<Key, { readonly value: string }>,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const named = flags.file ?? (env[fileVariable] === '' ? undefined : env[fileVariable]);
  const base = await readConfigFile(named ?? defaultFile, named !== undefined, env);
  if (base !== null) takeFile(sources, base, 'the file');
  const environment = flags.values['environment'] ?? fromEnvironment.get('environment')?.value;
  const name = serverConfigSchema.safeParse({
    environment: environment ?? sources.values['environment'] ?? 'Development',
  });
  if (!name.success || name.data.environment === undefined) return;
  const path = fileOfEnvironment(named ?? defaultFile, name.data.environment);
  const above = await readConfigFile(path, false, env);
  if (above !== null) takeFile(sources, above, `the file ${basename(path)}`);
}

function takeFile(sources: Sources, { content }: ConfigFile, origin: string): void {
  const { found, problems } = readTextForms(content, keys);
  sources.problems.push(...problems.map((problem) => problem.replace('(from the file)', `(from ${origin})`)));
  for (const { key, value, path } of found) {
    const isSplit = key === 'databaseUrl' || key === 'redisUrl';
    const whole = typeof value === 'string' && !isSplit ? unshield(value) : value;
    take(sources, key, whole, path === undefined ? origin : `${path} of ${origin}`);
  }
}

const toFlag = (key: string): string =>
  key.replace(/MB$|Bytes$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
