import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { nearestOf } from '@hotswap/core';
import { agentError } from '../error-codes.ts';
import { agentConfigSchema, configKeys, secretKeys, structuredKeys, type AgentConfig } from './agent-config.ts';

const plainKeys = configKeys.filter((key) => !structuredKeys.has(key));
const flagKeys = plainKeys.filter((key) => !secretKeys.has(key));

/** What the command line asks for. @internal */
export type AgentCommand =
  { readonly kind: 'run'; readonly config: AgentConfig } | { readonly kind: 'help' | 'version' };

/**
 * Reads the configuration: flags win over `HOTSWAP_AGENT_*` variables, these over the file, that over defaults. `${NAME}`
 * in texts of the file is replaced by that environment variable.
 * @throws HS_AGENT_CONFIG_INVALID with every key that is wrong
 * @internal
 */
export function loadAgentConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): AgentCommand {
  const flags = readFlags(args);
  if (flags['help'] === true) return { kind: 'help' };
  if (flags['version'] === true) return { kind: 'version' };
  const path = typeof flags['config'] === 'string' ? flags['config'] : env['HOTSWAP_AGENT_CONFIG'];
  const merged = {
    ...(path === undefined ? {} : readConfigFile(path, env)),
    ...readEnvironment(env),
    ...pickFlags(flags),
  };
  const read = agentConfigSchema.safeParse(merged);
  if (read.success) return { kind: 'run', config: read.data };
  throw invalid(
    read.error.issues
      .map((issue) => {
        if (issue.code === 'unrecognized_keys') return unknownKeys(issue.keys);
        return issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message;
      })
      .join('; '),
  );
}

function unknownKeys(keys: readonly string[]): string {
  return keys.map((key) => `${key}: there is no such key${nearestOf(key, configKeys)}`).join('; ');
}

/** One line per flag. @internal */
export function agentUsage(): string {
  const flags = flagKeys.map((key) => `  --${kebab(key)} VALUE`).join('\n');
  return `wasm-edge-agent: runs HotSwap modules on this node\n\nUsage: wasm-edge-agent --config FILE [flags]\n\n  --config FILE  JSON file with the keys below in PascalCase\n${flags}\n  --help, --version\n\nEvery key can also be set as HOTSWAP_AGENT_<KEY>, e.g. HOTSWAP_AGENT_NODE_ID; JoinToken only so, or in a file.\n`;
}

function readFlags(args: readonly string[]): Readonly<Record<string, string | boolean | undefined>> {
  const options = Object.fromEntries(flagKeys.map((key) => [kebab(key), { type: 'string' as const }]));
  try {
    const boolean = { type: 'boolean' as const };
    return parseArgs({
      args: [...args],
      options: { ...options, config: { type: 'string' }, help: boolean, version: boolean },
    }).values;
  } catch (error) {
    throw invalid(whyNoFlag((error as Error).message));
  }
}

/** The option without what stands behind it. */
function whyNoFlag(message: string): string {
  const name = /^Unknown option '--([\w-]+)/.exec(message)?.[1];
  if (name === undefined) return message;
  const secret = [...secretKeys].find((key) => kebab(key) === name);
  return secret === undefined
    ? `there is no option --${name}${nearestOf(name, flagKeys.map(kebab))}`
    : `--${name} would be seen by everybody on this machine: set ${variableOf(secret)} instead`;
}

function pickFlags(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    flagKeys.filter((key) => flags[kebab(key)] !== undefined).map((key) => [key, flags[kebab(key)]]),
  );
}

function readEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const key of configKeys) {
    const name = variableOf(key);
    const value = env[name];
    if (value !== undefined && value !== '') found[key] = structuredKeys.has(key) ? parseJson(value, name) : value;
  }
  return found;
}

function readConfigFile(path: string, env: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    throw invalid(`the file ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  const parsed = parseJson(content, path);
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed))
    throw invalid(`${path} holds no JSON object`);
  return expand(parsed, env) as Record<string, unknown>;
}

function expand(value: unknown, env: Readonly<Record<string, string | undefined>>): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(/\$\{(\w+)\}/g, (_place, name: string) => {
      const found = env[name];
      if (found === undefined) throw invalid(`the environment variable ${name} is not set`);
      return found;
    });
  }
  if (Array.isArray(value)) return value.map((item) => expand(item, env));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, expand(member, env)]));
}

function parseJson(textOfIt: string, where: string): unknown {
  try {
    return JSON.parse(textOfIt);
  } catch (error) {
    // The engine's message may quote the text, and with it a secret.
    const line = /\(line \d+ column \d+\)/.exec((error as Error).message)?.[0] ?? '';
    throw invalid(`${where} holds no JSON ${line}`.trimEnd());
  }
}

const variableOf = (key: string): string => `HOTSWAP_AGENT_${kebab(key).replaceAll('-', '_').toUpperCase()}`;

/** `DataPlanePort` as `data-plane-port`, `CacheMaxSizeMB` as `cache-max-size-mb`. */
function kebab(key: string): string {
  return key.replaceAll(/([a-z])([A-Z])/g, '$1-$2').toLowerCase();
}

function invalid(why: string): Error {
  return agentError('HS_AGENT_CONFIG_INVALID', { why });
}
