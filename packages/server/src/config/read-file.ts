import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { serverError } from '../error-codes.ts';
import { shield } from './shielded-text.ts';

/** The content of one configuration file, with variables put in. @internal */
export interface ConfigFile {
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/**
 * Reads a JSON file and puts environment variables in the place of `${NAME}` and `${NAME:-text}`. `null` when it is not there
 * and need not be.
 * @throws HS_CONFIG_INVALID without a word of what the file holds: that may be a secret
 * @internal
 */
export async function readConfigFile(
  path: string,
  isNeeded: boolean,
  env: NodeJS.ProcessEnv,
): Promise<ConfigFile | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!isNeeded && code === 'ENOENT') return null;
    throw serverError('HS_CONFIG_INVALID', { why: `the file ${path} cannot be read (${code ?? ''})` }, error);
  }
  const content = parse(path, text);
  if (content === null || typeof content !== 'object' || Array.isArray(content))
    throw serverError('HS_CONFIG_INVALID', { why: `the file ${path} must hold a JSON object` });
  return { path, content: expand(content, '', path, env) as Readonly<Record<string, unknown>> };
}

/** `dir/settings.json` for Production is `dir/settings.Production.json`. @internal */
export function fileOfEnvironment(path: string, environment: string): string {
  const extension = extname(path);
  return `${path.slice(0, path.length - extension.length)}.${environment}${extension}`;
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The engine's own message quotes the text.
    throw serverError('HS_CONFIG_INVALID', { why: `the file ${path} is no JSON${lineOf(error as Error, text)}` });
  }
}

function lineOf({ message }: Error, text: string): string {
  const position = /at position (\d+)/.exec(message)?.[1];
  const quoted = /"([\s\S]+)"(?:\.\.\.)? is not valid JSON$/.exec(message)?.[1];
  const at = position === undefined ? (quoted === undefined ? -1 : text.indexOf(quoted)) : Number(position);
  return at < 0 ? '' : ` (about line ${text.slice(0, at + 1).split('\n').length})`;
}

function expand(value: unknown, at: string, path: string, env: NodeJS.ProcessEnv): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(/\$\{(\w+)(?::-([^}]*))?\}/g, (place, name: string, otherwise: string | undefined) => {
      const found = env[name] === '' ? otherwise : (env[name] ?? otherwise);
      if (found !== undefined) return place === value ? found : shield(found);
      throw serverError('HS_CONFIG_INVALID', {
        why: `${at} (from ${basename(path)}): the environment variable ${name} is not set`,
      });
    });
  }
  if (Array.isArray(value)) return value.map((item, index) => expand(item, `${at}.${index}`, path, env));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, expand(member, at === '' ? key : `${at}.${key}`, path, env)]),
  );
}
